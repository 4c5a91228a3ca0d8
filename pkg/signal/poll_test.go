package signal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

//clause:signals RFC 8936, 2.2 to 2.6: maxEvents, returnImmediately, ack, setErrs, moreAvailable, a poll that waits
func TestParsePoll(t *testing.T) {
	p, err := signal.ParsePoll([]byte(`{"maxEvents":5,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_key","description":"d"}},"other":1}`))
	if err != nil || p.Wanted() != 5 || !p.Now || p.Ack[0] != "a" || p.Faults["b"].Code != signal.CodeKey {
		t.Errorf("%+v, %v", p, err)
	}
	for text, want := range map[string]int{`{}`: signal.MaxEvents, `{"maxEvents":0}`: 0, `{"maxEvents":100000}`: signal.MaxEvents} {
		if p, err := signal.ParsePoll([]byte(text)); err != nil || p.Wanted() != want || p.Now {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	many := `{"ack":["` + strings.Repeat(`a","`, 1000) + `a"]}`
	for _, tt := range []struct{ name, text, cause string }{
		{"it refuses what is no object", `[]`, "RFC 8936"},
		{"it refuses a member twice", `{"ack":["a"],"ack":["b"]}`, "RFC 8936"},
		{"it refuses less than nothing", `{"maxEvents":-1}`, "negative"},
		{"it refuses an empty jti", `{"ack":[""]}`, "ack"},
		{"it refuses a long jti", `{"ack":["` + strings.Repeat("a", 257) + `"]}`, "ack"},
		{"it refuses a fault without a reason", `{"setErrs":{"a":{}}}`, "setErrs"},
		{"it refuses a fault of nothing", `{"setErrs":{"":{"err":"x"}}}`, "setErrs"},
		{"it refuses a long description", fmt.Sprintf(`{"setErrs":{"a":{"err":"x","description":%q}}}`, strings.Repeat("d", 1025)), "setErrs"},
		{"it refuses too many", many, "at once"},
		{"it refuses what is too long", strings.Repeat(" ", signal.MaxPoll) + "{}", "longer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := signal.ParsePoll([]byte(tt.text))
			refused(t, err, "poll", signal.CodeRequest)
			if err != nil && !strings.Contains(err.Error(), tt.cause) {
				t.Errorf("%v does not say %q", err, tt.cause)
			}
		})
	}
}

func TestParsePolled(t *testing.T) {
	p, err := signal.ParsePolled([]byte(`{"sets":{"a":"x"},"moreAvailable":true}`))
	if err != nil || p.Sets["a"] != "x" || !p.More {
		t.Errorf("%+v, %v", p, err)
	}
	var many strings.Builder
	for i := range signal.MaxEvents + 1 {
		fmt.Fprintf(&many, `"%d":"x",`, i)
	}
	for name, text := range map[string]string{
		"it refuses what is no object": `"sets"`,
		"it refuses too many":          `{"sets":{` + strings.TrimSuffix(many.String(), ",") + `}}`,
		"it refuses what is too long":  strings.Repeat(" ", 1<<20) + `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signal.ParsePolled([]byte(text))
			refused(t, err, "poll", signal.CodeRequest)
		})
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(made(f, withdrawn()))
	f.Add(signed(f, key, "k1", signal.Type, map[string]any{"iss": hub, "events": map[string]any{"urn:mydata:event:x": nil}}))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		s, err := signal.Open(token, wanted)
		if err == nil && (s.Audience != agency || s.Seq < 1 || s.Grant == "" || s.ID == "") {
			t.Errorf("opened %+v", s)
		}
	})
}

func FuzzParsePoll(f *testing.F) {
	f.Add([]byte(`{"maxEvents":5,"ack":["a"],"setErrs":{"b":{"err":"e"}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := signal.ParsePoll(raw)
		if err == nil && (p.Wanted() < 0 || p.Wanted() > signal.MaxEvents) {
			t.Errorf("wanted %d", p.Wanted())
		}
	})
}

func FuzzParsePolled(f *testing.F) {
	f.Add([]byte(`{"sets":{"a":"x"},"moreAvailable":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, err := signal.ParsePolled(raw); err == nil && len(p.Sets) > signal.MaxEvents {
			t.Errorf("%d sets", len(p.Sets))
		}
	})
}

// FuzzClaims fuzzes what only the hub can sign.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"https://hub.example","aud":"urn:mydata:agency:a","iat":1,"toe":1,"jti":"j","sub_id":{"format":"opaque","id":"g"},"events":{"urn:mydata:event:x":{"seq":1}}}`))
	f.Add([]byte(`{"events":{"urn:mydata:event:x":{"seq":1,"seq":2}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := signal.Open(signedRaw(t, key, "k1", signal.Type, raw), wanted)
		if err == nil && (s.Audience != agency || s.Seq < 1 || s.Grant == "" || s.ID == "" || s.At.After(now.Add(time.Minute))) {
			t.Errorf("opened %+v", s)
		}
	})
}
