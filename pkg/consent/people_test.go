package consent_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// away is a home of citizens that does not answer.
type away struct{ consent.People }

var errAway = errors.New("dial tcp 10.0.0.5:5432: connection refused")

func (away) CitizenBySub(context.Context, string, string) (string, error) { return "", errAway }

func (away) PasskeyKey(context.Context, string, []byte) (jose.JSONWebKey, []approval.KeyRecord, error) {
	return jose.JSONWebKey{}, nil, errAway
}

// That nobody can tell now who somebody is, is no refusal of what was asked: it may be
// asked again, and nothing of it is for the one who asks.
func TestPeopleWhoDoNotAnswer(t *testing.T) {
	w := consenttest.New()
	passkey := w.People.Enrol("ada")
	in := w.Request("ada", nil)
	home := w.Ledger.People
	for name, ask := range map[string]func() error{
		"a request": func() error {
			_, err := w.Ledger.Request(t.Context(), in)
			return err
		},
		"an approval": func() error {
			w.Ledger.People = home
			r, err := w.Ledger.Request(t.Context(), w.Request("ada", nil))
			if err != nil {
				t.Fatal(err)
			}
			p, err := w.Ledger.Propose(t.Context(), r.Grant, "ada", consent.Choice{Claims: []string{"vision_ok", "hearing_ok"}, Lang: "ko"})
			if err != nil {
				t.Fatal(err)
			}
			digest, _ := p.Terms.Digest()
			w.Ledger.People = away{home}
			_, err = w.Ledger.Grant(t.Context(), r.Grant, "ada", passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce)))
			return err
		},
	} {
		w.Ledger.People = away{home}
		err := ask()
		if _, refused := errors.AsType[*consent.CheckError](err); refused || !errors.Is(err, errAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.Ledger.People = home
	in.Sub = "made-up"
	in = w.RequestOf(in.Sub, nil)
	_, err := w.Ledger.Request(t.Context(), in)
	if refused, ok := errors.AsType[*consent.CheckError](err); !ok || refused.Check != "subject" {
		t.Errorf("nobody's: %v", err)
	}
}
