package approval_test

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

func TestVerifyOrders(t *testing.T) {
	w := consenttest.New()
	order := approval.Order{Subject: "s", Code: approval.CodeHash("C"), IssuedAt: 1, Expires: 2}
	sign := func(o approval.Order, officer crypto.Signer) string {
		jws, err := approval.SignOrder(o, officer)
		ok(t, "sign", err)
		return jws
	}
	one, two := sign(order, w.Officers[0]), sign(order, w.Officers[1])
	got, err := approval.VerifyOrders([]string{one, two}, w.Trust.Officers)
	ok(t, "orders", err)
	if got != order {
		t.Errorf("order %+v", got)
	}
	replace := order
	replace.Replace = true
	raw := func(typ, payload string) string { return signed(t, w.Officers[1].(*ecdsa.PrivateKey), typ, payload) }
	head, rest, _ := strings.Cut(two, ".")
	_, forged, _ := strings.Cut(sign(replace, w.Officers[1]), ".")
	payload, _, _ := strings.Cut(forged, ".")
	_, signature, _ := strings.Cut(rest, ".")
	for _, c := range []struct {
		name, says string
		orders     []string
	}{
		{"it refuses no order", "0 orders", nil},
		{"it refuses one order", "1 orders", []string{one}},
		{"it refuses three orders", "3 orders", []string{one, two, one}},
		{"it refuses one officer twice", "signed twice", []string{one, one}},
		{"it refuses two different orders", "different orders", []string{one, sign(replace, w.Officers[1])}},
		{"it refuses a stranger", "no officer", []string{one, sign(order, consenttest.NewKey())}},
		{"it refuses a stranger first", "no officer", []string{sign(order, consenttest.NewKey()), two}},
		{"it refuses another typ", "typ", []string{one, raw("other+jwt", `{"code_hash":"","exp":2,"iat":1,"replace":false,"sub":"s"}`)}},
		{"it refuses a member that it does not know", "member", []string{one, raw(approval.OrderType, `{"code_hash":"","exp":2,"iat":1,"replace":false,"sub":"s","more":1}`)}},
		{"it refuses another type", "cannot unmarshal", []string{one, raw(approval.OrderType, `{"code_hash":"","exp":"2","iat":1,"replace":false,"sub":"s"}`)}},
		{"it refuses another's signature", "signature is wrong", []string{one, head + "." + payload + "." + signature}},
		{"it refuses what is no order", "order", []string{one, "a.b"}},
		{"it refuses an endless order", "5000 bytes", []string{one, strings.Repeat("a", 5000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := approval.VerifyOrders(c.orders, w.Trust.Officers)
			says(t, c.name, err, approval.CheckOfficers, c.says)
		})
	}
}

// signed is any payload under any typ, by an officer.
func signed(t *testing.T, officer *ecdsa.PrivateKey, typ, payload string) string {
	t.Helper()
	kid, err := approval.Thumbprint(jose.JSONWebKey{Key: officer.Public()})
	ok(t, "kid", err)
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: officer}, options)
	ok(t, "signer", err)
	object, err := signer.Sign([]byte(payload))
	ok(t, "sign", err)
	jws, err := object.CompactSerialize()
	ok(t, "serialize", err)
	return jws
}

func TestVerifySubject(t *testing.T) {
	w, _, _ := person(t)
	w.People.Enrol("ada")
	records, err := w.People.History(t.Context(), "ada")
	ok(t, "history", err)
	salts, err := w.People.OrderSalts(t.Context(), records)
	ok(t, "salts", err)
	for _, c := range []struct {
		name, resident, says string
		salts                []approval.Bytes
		officers             []jose.JSONWebKey
	}{
		{"it opens the orders of the resident", "ada", "", salts, w.Trust.Officers},
		{"it refuses another resident", "bob", "another resident", salts, w.Trust.Officers},
		{"it refuses another salt", "ada", "another resident", []approval.Bytes{make([]byte, 32), salts[1]}, w.Trust.Officers},
		{"it refuses the salts in another order", "ada", "another resident", []approval.Bytes{salts[1], salts[0]}, w.Trust.Officers},
		{"it refuses a salt too few", "ada", "not opened", salts[:1], w.Trust.Officers},
		{"it refuses a short salt", "ada", "not opened", []approval.Bytes{salts[0][:31], salts[1]}, w.Trust.Officers},
		{"it refuses orders of strangers", "ada", "no officer", salts, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := approval.VerifySubject(records, c.officers, c.resident, c.salts)
			if c.says == "" {
				ok(t, c.name, err)
				return
			}
			says(t, c.name, err, approval.CheckOfficers, c.says)
		})
	}
}

func TestBytes(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // of the bytes; "-" for refused
	}{
		{"it reads base64url without padding", `"_-8"`, "\xff\xef"},
		{"it reads nothing", `""`, ""},
		{"it refuses padding", `"_-8="`, "-"},
		{"it refuses stray bits", `"_-9"`, "-"},
		{"it refuses the other alphabet", `"/+8"`, "-"},
		{"it refuses a line break", `"_-\n8"`, "-"},
		{"it refuses a return", `"_-\r8"`, "-"},
		{"it refuses a number", `7`, "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := approval.Bytes("before")
			err := json.Unmarshal([]byte(c.text), &got)
			if c.want == "-" && err == nil || c.want != "-" && (err != nil || string(got) != c.want) {
				t.Errorf("%q, %v", got, err)
			}
			if _, foreign := errors.AsType[*json.SyntaxError](err); foreign {
				t.Errorf("the case is no JSON: %v", err)
			}
		})
	}
}
