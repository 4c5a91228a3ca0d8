package openid4vp_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

func TestAnswerTellsWhatWasAsked(t *testing.T) {
	const query = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["urn:card"]},"claims":[{"path":["address","city"]},{"path":["langs",null]}]}]}`
	result := credential.Result{Format: "dc+sd-jwt", VCT: "urn:card", Bound: true, Claims: map[string]any{
		"address": map[string]any{"city": "Seoul", "street": "x"}, "langs": []any{"ko", "en"}, "name": "Kim"}}
	claims, asked, err := openid4vp.Answer([]byte(query), "card", result)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"address": map[string]any{"city": "Seoul"}, "langs": []any{"ko", "en"}}, claims); diff != "" {
		t.Error("it tells more than was asked, or less: " + diff)
	}
	if diff := cmp.Diff([]sdjwt.Path{{"address", "city"}, {"langs", nil}}, asked); diff != "" {
		t.Error(diff)
	}
	other := result
	other.VCT = "urn:other"
	for _, c := range []struct {
		name, query, id string
		result          credential.Result
		err             error
	}{
		{"it refuses a query that is none", "{}", "card", result, openid4vp.ErrQuery},
		{"it refuses an id that nobody asked under", query, "other", result, openid4vp.ErrQuery},
		{"it refuses what does not answer", query, "card", other, openid4vp.ErrUnsatisfied},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := openid4vp.Answer([]byte(c.query), c.id, c.result); !errors.Is(err, c.err) {
				t.Error(err)
			}
		})
	}
}
