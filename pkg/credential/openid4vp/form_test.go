package openid4vp_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

//clause:verifier 8.1: vp_token: ids, arrays, one unless multiple
//clause:verifier 8.2: direct_post; 200 with JSON; fragment and query refused by name
func TestOpenForm(t *testing.T) {
	p := newParty(t, query(""))
	state := p.request.State
	jwe := encrypt(t, p.request.Key.Public().Key, p.request.Key.KeyID, `{"vp_token":{"a":["x"]},"state":"`+state+`"}`, nil, jose.A128GCM)
	other := newParty(t, query("")).request.State
	for _, c := range []struct {
		name  string
		plain bool
		form  url.Values
		want  error
		shape bool // and then refused by its shape
	}{
		{name: "it takes an encrypted answer", form: url.Values{"response": {jwe}}},
		{name: "it ignores what it does not know", form: url.Values{"response": {jwe}, "iss": {"https://wallet.example"}}},
		{name: "it refuses one in plain text where encryption was asked for", form: url.Values{"vp_token": {`{"a":["x"]}`}, "state": {state}}, want: openid4vp.ErrEncryption},
		{name: "it refuses an error that brings an answer", form: url.Values{"vp_token": {`{"a":["x"]}`}, "error": {"access_denied"}, "state": {state}}, want: openid4vp.ErrEncryption},
		{name: "it takes an error in plain text", form: url.Values{"error": {"access_denied"}, "error_description": {"no"}, "state": {state}}},
		{name: "it refuses an error without state", form: url.Values{"error": {"access_denied"}}, want: openid4vp.ErrState},
		{name: "it refuses an error with the state of another", form: url.Values{"error": {"access_denied"}, "state": {other}}, want: openid4vp.ErrState},
		{name: "it refuses a parameter twice", form: url.Values{"response": {jwe}, "x": {"1", "2"}}, want: openid4vp.ErrEncryption},
		{name: "it takes plain text where that was asked for", plain: true, form: url.Values{"vp_token": {`{"a":["x"]}`}, "state": {state}}},
		{name: "it refuses an encrypted answer to it", plain: true, form: url.Values{"response": {jwe}}, want: openid4vp.ErrEncryption},
		{name: "it refuses both answers at once", plain: true, form: url.Values{"response": {jwe}, "vp_token": {`{"a":["x"]}`}, "state": {state}}, want: openid4vp.ErrEncryption},
		{name: "it refuses plain text without state", plain: true, form: url.Values{"vp_token": {`{"a":["x"]}`}}, want: openid4vp.ErrState},
		{name: "it refuses plain text with the state of another", plain: true, form: url.Values{"vp_token": {`{"a":["x"]}`}, "state": {other}}, want: openid4vp.ErrState},
		{name: "it refuses a vp_token that is text", plain: true, form: url.Values{"vp_token": {`x`}, "state": {state}}, shape: true},
		{name: "it refuses a vp_token that is an array", plain: true, form: url.Values{"vp_token": {`["x"]`}, "state": {state}}, shape: true},
		{name: "it refuses a presentation that is no array", plain: true, form: url.Values{"vp_token": {`{"a":"x"}`}, "state": {state}}, shape: true},
		{name: "it refuses a presentation that is an object", plain: true, form: url.Values{"vp_token": {`{"a":[{}]}`}, "state": {state}}, shape: true},
		{name: "it refuses an id given twice", plain: true, form: url.Values{"vp_token": {`{"a":["x"],"a":["y"]}`}, "state": {state}}, shape: true},
		{name: "it refuses a vp_token with something behind it", plain: true, form: url.Values{"vp_token": {`{"a":["x"]}{}`}, "state": {state}}, shape: true},
		{name: "it refuses a vp_token that is nested too deep", plain: true, form: url.Values{"vp_token": {`{"a":` + strings.Repeat("[", 1<<16)}, "state": {state}}, shape: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := p.request
			if c.plain {
				request = request.Plain()
			}
			response, err := request.OpenForm(c.form)
			if !errors.Is(err, c.want) {
				t.Fatalf("%+v, %v", response, err)
			}
			if err != nil {
				return
			}
			e := request.Evaluate(t.Context(), response, p.verifier())
			if shape := failed(e) == openid4vp.CheckShape; shape != (c.shape || response.Error != "") || e.OK {
				t.Fatal(failed(e))
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	for _, plain := range []bool{false, true} {
		p := newParty(t, query(""))
		if plain {
			p.request = p.request.Plain()
		}
		trust := p.trust()
		trust.Plain = true
		a, err := openid4vp.ReadRequest(p.sign(t, ""), trust)
		if err != nil {
			t.Fatal(err)
		}
		for _, answer := range []openid4vp.Response{
			{VPToken: map[string][]string{"a": {"x"}}},
			{Error: "access_denied", ErrorDescription: "not today"},
		} {
			form, err := a.Answer(answer)
			if err != nil || form.Has("response") == plain {
				t.Fatalf("%v, %v", form, err)
			}
			got, err := p.request.OpenForm(form)
			if err != nil || got.Error != answer.Error || got.ErrorDescription != answer.ErrorDescription || len(got.VPToken) != len(answer.VPToken) {
				t.Fatalf("%+v, %v", got, err)
			}
		}
	}
}

func FuzzOpenForm(f *testing.F) {
	p := newParty(f, query(""))
	request := p.request.Plain()
	f.Add("vp_token=%7B%22a%22%3A%5B%22x%22%5D%7D&state=STATE")
	f.Add("error=access_denied&error_description=no&state=STATE")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(strings.ReplaceAll(body, "STATE", request.State))
		if err != nil {
			return
		}
		response, err := request.OpenForm(form)
		if err == nil && request.Evaluate(t.Context(), response, p.verifier()).OK {
			t.Fatal("accepted")
		}
	})
}

//clause:wallet unsigned and unencrypted only where it is switched on
func FuzzReadUnsigned(f *testing.F) {
	p := newParty(f, query(nameAndAge)).under(f, "redirect_uri:https://verifier.example/response")
	link, err := p.request.URIUnsigned()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(link)
	f.Fuzz(func(t *testing.T, link string) {
		l, err := openid4vp.ParseLink(link)
		if err != nil || l.Parameters == nil {
			return
		}
		a, err := openid4vp.ReadUnsigned(l.Parameters, openid4vp.Trust{ClientID: l.ClientID, Unsigned: true, Plain: true, Types: openid4vp.Transactions(), Now: clock})
		if err == nil && (a.Vouched() || "redirect_uri:"+a.ResponseURI != a.ClientID) {
			t.Fatalf("%+v", a)
		}
	})
}

//clause:wallet 5.9.3, 12: attested by whom it trusts, for this key, in time, at these addresses
func FuzzAttestation(f *testing.F) {
	p := newParty(f, query(""))
	attester := newKey(f)
	f.Add(attested(f, attester, p.signer, nil))
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		by := openid4vp.Identity{ClientID: "verifier_attestation:shop", Key: p.signer, Attestation: text}
		if err := by.Check(); err != nil && !errors.Is(err, openid4vp.ErrIdentity) {
			t.Fatal(err)
		}
	})
}
