package anchor_test

import (
	"testing"

	"github.com/govmydata/mydata/internal/anchor"
)

func FuzzParseState(f *testing.F) {
	f.Add([]byte(`{"schema_version":"mydata-anchorer/1","origin":"log.example/test","covered":3,"spent":"2027-01-15T08:00:00Z","count":1}`))
	f.Add([]byte(`{"schema_version":"mydata-anchorer/1","origin":"o","next":{"step":"prepared","put":{"Origin":"o","Size":3},"tx_id":"1","bytes":"AA==","since":"2027-01-15T08:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := anchor.ParseState(text)
		if err != nil {
			return
		}
		if n := s.Next; n != nil && n.Step == anchor.Submitted && len(n.Bytes) == 0 {
			t.Errorf("%q: nothing to submit", text)
		}
	})
}
