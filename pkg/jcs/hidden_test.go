package jcs_test

import (
	"encoding/json"
	"testing"

	"github.com/govmydata/mydata/pkg/jcs"
)

type first struct {
	Mark string `json:"first"`
}

type second struct {
	Mark string `json:"second"`
}

// A member of an embedded struct whose Go name another field hides, or has too, is a
// member all the same where its JSON name is its own: it is neither lost nor skipped.
func TestHiddenMembers(t *testing.T) {
	for name, v := range map[string]any{
		"it keeps one that an outer field hides": &struct {
			first
			Mark string `json:"own"`
		}{first{"a"}, "b"},
		"it keeps two that hide each other": &struct {
			first
			second
		}{first{"a"}, second{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got, err := jcs.Marshal(v)
			if err != nil || string(got) != string(want) {
				t.Errorf("%s instead of %s, %v", got, want, err)
			}
		})
	}
}
