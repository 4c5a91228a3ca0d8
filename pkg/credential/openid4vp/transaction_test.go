package openid4vp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

const statement = `{"type":"urn:mydata:transaction:statement:1","credential_ids":["a"],"statement":"I move to Busan."}`

// two asks for a or b, where c is asked for by no set and d without a holder.
const two = `{"credentials":[
	{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]}},
	{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]}},
	{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]}},
	{"id":"d","format":"dc+sd-jwt","meta":{"vct_values":["urn:mydata:resident-card:1"]},"require_cryptographic_holder_binding":false}],
	"credential_sets":[{"options":[["a","b"],["a"],["b"]]},{"required":false,"options":[["d"]]}]}`

//clause:verifier 8.4, B.3.3: transaction data of registered types, hashed as it travels, authorized by one credential it names
func TestTransactions(t *testing.T) {
	q := parse(t, two)
	for _, c := range []struct{ name, object, cause string }{
		{"it takes a statement", statement, ""},
		{"it takes a payment", `{"type":"urn:mydata:transaction:payment:1","credential_ids":["a","b"],"payee":"City of Seoul","amount":12000,"currency":"KRW","reference":"A-1"}`, ""},
		{"it takes the one hash algorithm among others", strings.Replace(statement, `"statement":`, `"transaction_data_hashes_alg":["sha-512","sha-256"],"statement":`, 1), ""},
		{"it refuses other hash algorithms", strings.Replace(statement, `"statement":`, `"transaction_data_hashes_alg":["sha-512"],"statement":`, 1), "transaction_data_hashes_alg"},
		{"it refuses no hash algorithm", strings.Replace(statement, `"statement":`, `"transaction_data_hashes_alg":[],"statement":`, 1), "transaction_data_hashes_alg"},
		{"it refuses a hash algorithm that is no array", strings.Replace(statement, `"statement":`, `"transaction_data_hashes_alg":"sha-256","statement":`, 1), "JSON"},
		{"it refuses an unknown type", strings.Replace(statement, "statement:1", "statement:2", 1), "not known here"},
		{"it refuses no type", `{"credential_ids":["a"],"statement":"x"}`, "not known here"},
		{"it refuses a type that is no text", `{"type":7,"credential_ids":["a"],"statement":"x"}`, "JSON"},
		{"it refuses no credential", `{"type":"urn:mydata:transaction:statement:1","statement":"x"}`, "credential_ids: 1 to"},
		{"it refuses an empty list of credentials", strings.Replace(statement, `["a"]`, `[]`, 1), "credential_ids: 1 to"},
		{"it refuses a credential that is not asked for", strings.Replace(statement, `["a"]`, `["z"]`, 1), "not asked for"},
		{"it refuses a credential that no set names", strings.Replace(statement, `["a"]`, `["c"]`, 1), "not asked for"},
		{"it refuses a credential twice", strings.Replace(statement, `["a"]`, `["a","a"]`, 1), "twice"},
		{"it refuses a credential without holder binding", strings.Replace(statement, `["a"]`, `["d"]`, 1), "without holder binding"},
		{"it refuses a missing member", `{"type":"urn:mydata:transaction:statement:1","credential_ids":["a"]}`, "statement is missing"},
		{"it refuses an unknown member", statement[:len(statement)-1] + `,"more":1}`, "no member of this type"},
		{"it refuses a member of the wrong type", strings.Replace(statement, `"I move to Busan."`, "7", 1), "not a text"},
		{"it refuses an empty text", strings.Replace(statement, "I move to Busan.", "", 1), "not a text"},
		{"it refuses a text that is too long", strings.Replace(statement, "Busan", strings.Repeat("x", 600), 1), "not a text"},
		{"it refuses a text that turns what is shown around", strings.Replace(statement, "Busan", "\u202enasuB", 1), "cannot be shown"},
		{"it refuses an amount that is text", `{"type":"urn:mydata:transaction:payment:1","credential_ids":["a"],"payee":"x","amount":"12000","currency":"KRW"}`, "whole number"},
		{"it refuses an amount below zero", `{"type":"urn:mydata:transaction:payment:1","credential_ids":["a"],"payee":"x","amount":-1,"currency":"KRW"}`, "whole number"},
		{"it refuses a fraction", `{"type":"urn:mydata:transaction:payment:1","credential_ids":["a"],"payee":"x","amount":1.5,"currency":"KRW"}`, "whole number"},
		{"it refuses an amount beyond all counting", `{"type":"urn:mydata:transaction:payment:1","credential_ids":["a"],"payee":"x","amount":99999999999999999999,"currency":"KRW"}`, "whole number"},
		{"it refuses a member given twice", statement[:len(statement)-1] + `,"statement":"I stay."}`, "JSON"},
		{"it refuses an array", `[]`, "JSON"},
		{"it refuses what is nested too deep", statement[:len(statement)-1] + `,"more":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "nested"},
		{"it refuses what is too long", statement[:len(statement)-1] + `,"more":"` + strings.Repeat("x", openid4vp.MaxTransaction) + `"}`, "longer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openid4vp.Transactions().Parse([]byte(c.object), q)
			if (c.cause == "") != (err == nil) || (err != nil && (!errors.Is(err, openid4vp.ErrTransaction) || !strings.Contains(err.Error(), c.cause))) {
				t.Fatalf("%v, want %q", err, c.cause)
			}
		})
	}
	t.Run("it shows the members in the order of the type", func(t *testing.T) {
		got, err := openid4vp.Transactions().Parse([]byte(`{"currency":"KRW","amount":12000,"payee":"Seoul","credential_ids":["a"],"type":"urn:mydata:transaction:payment:1"}`), q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]openid4vp.Detail{{Name: "payee", Value: "Seoul"}, {Name: "amount", Value: int64(12000)}, {Name: "currency", Value: "KRW"}}, got.Details); diff != "" {
			t.Fatal(diff)
		}
	})
}

// B.3.3.1: the hash is over the text that travels, not over what it stands for.
//
//clause:verifier 8.4, B.3.3: transaction data of registered types, hashed as it travels, authorized by one credential it names
func TestTransactionHash(t *testing.T) {
	got := openid4vp.Transaction{Encoded: "eyJ0eXBlIjoiZXhhbXBsZV90eXBlIiwiY3JlZGVudGlhbF9pZHMiOlsiaWRfY2FyZF9jcmVkZW50aWFsIl19"}
	// printf %s … | openssl dgst -sha256 -binary | basenc --base64url
	if got.Hash() != "lTp84kYtj5cZfVVmkrjZg-TZnQSfDoGWfNN9YKZo14M" {
		t.Fatal(got.Hash())
	}
}

//clause:wallet 5.1, 8.5: transaction data that it cannot show is refused; one credential authorizes each
func TestDecodeTransactions(t *testing.T) {
	q := parse(t, two)
	encode := base64.RawURLEncoding.EncodeToString
	good := encode([]byte(statement))
	for _, c := range []struct {
		name string
		list []string
		ok   bool
	}{
		{"it takes one", []string{good}, true},
		{"it refuses none", nil, false},
		{"it refuses nine", make([]string, 9), false},
		{"it refuses one twice", []string{good, good}, false},
		{"it refuses what is no base64url", []string{"!"}, false},
		{"it refuses padding", []string{base64.URLEncoding.EncodeToString([]byte(statement + " "))}, false},
		{"it refuses bits that stand for nothing", []string{encode([]byte(statement + "  "))[:len(good)] + "x"}, false},
		{"it refuses one of an unknown type among others", []string{good, encode([]byte(`{"type":"other","credential_ids":["a"]}`))}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := openid4vp.Transactions().Decode(c.list, q); (err == nil) != c.ok {
				t.Fatal(err)
			}
		})
	}
}

//clause:wallet 5.1, 8.5: transaction data that it cannot show is refused; one credential authorizes each
func TestReadRequestTransactions(t *testing.T) {
	p := newParty(t, query(""))
	for _, c := range []struct {
		name  string
		data  any
		types openid4vp.TransactionTypes
		check string
		cause string
	}{
		{"it reads what it can show", []string{base64.RawURLEncoding.EncodeToString([]byte(statement))}, openid4vp.Transactions(), "", ""},
		{"it refuses it when it knows no type", []string{base64.RawURLEncoding.EncodeToString([]byte(statement))}, nil, "transaction_data", "no type"},
		{"it refuses none", []string{}, openid4vp.Transactions(), "transaction_data", "1 to"},
		{"it refuses objects that are not encoded", []any{map[string]any{}}, openid4vp.Transactions(), "transaction_data", "not an array"},
		{"it refuses what is no array", "x", openid4vp.Transactions(), "transaction_data", "not an array"},
		{"it refuses null", []any{nil}, openid4vp.Transactions(), "transaction_data", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := p.trust()
			trust.Types = c.types
			a, err := openid4vp.ReadRequest(p.resign(t, func(_, claims map[string]any) { claims["transaction_data"] = c.data }), trust)
			refusedBy(t, err, c.check, "invalid_transaction_data", c.cause)
			if err == nil && (len(a.Transactions) != 1 || a.Transactions[0].Details[0].Value != "I move to Busan.") {
				t.Fatalf("%+v", a.Transactions)
			}
		})
	}
}

//clause:verifier 8.4, B.3.3: transaction data of registered types, hashed as it travels, authorized by one credential it names
func TestEvaluateTransactions(t *testing.T) {
	p := newParty(t, strings.Replace(two, `"id":"a",`, `"id":"a","multiple":true,`, 1))
	add := func(object string) {
		t.Helper()
		transaction, err := openid4vp.Transactions().Parse([]byte(object), p.request.Query)
		if err != nil {
			t.Fatal(err)
		}
		p.request.Transactions = append(p.request.Transactions, transaction)
	}
	add(strings.Replace(statement, `["a"]`, `["a","b"]`, 1))
	add(strings.Replace(strings.Replace(statement, `["a"]`, `["b"]`, 1), `"statement":`, `"transaction_data_hashes_alg":["sha-256"],"statement":`, 1))
	one, other := p.request.Transactions[0].Hash(), p.request.Transactions[1].Hash()
	h := newHolder(t, p.authority, nil)
	bound := func(alg string, hashes ...string) string {
		return h.bind(t, sdjwt.KeyBinding{Audience: p.request.ClientID, Nonce: p.request.Nonce, IssuedAt: now, TransactionDataHashes: hashes, TransactionDataHashesAlg: alg})
	}
	type answer = map[string][]string
	for _, c := range []struct {
		name, failed string
		token        answer
	}{
		{"it takes each where it may be", "", answer{"a": {bound("", one)}, "b": {bound("sha-256", other)}}},
		{"it takes both with one credential", "", answer{"b": {bound("sha-256", one, other)}}},
		{"it takes them in any order", "", answer{"b": {bound("sha-256", other, one)}}},
		{"it takes one presentation of several that authorizes", "", answer{"a": {bound(""), bound("", one)}, "b": {bound("sha-256", other)}}},
		{"it refuses an answer that authorizes nothing", "transaction data", answer{"a": {bound("")}, "b": {bound("")}}},
		{"it refuses an answer that authorizes less", "transaction data", answer{"b": {bound("sha-256", other)}}},
		{"it refuses a transaction authorized by two credentials", "transaction data", answer{"a": {bound("", one)}, "b": {bound("sha-256", one, other)}}},
		{"it refuses a credential that may not authorize it", "key binding, query satisfied, transaction data", answer{"a": {bound("sha-256", one, other)}, "b": {bound("sha-256", other)}}},
		{"it refuses the hash of something else", "key binding, query satisfied, transaction data", answer{"b": {bound("sha-256", one, other, one[1:]+"x")}}},
		{"it refuses a hash twice", "key binding, query satisfied, transaction data", answer{"b": {bound("sha-256", one, one, other)}}},
		{"it refuses no transaction_data_hashes_alg where one was asked for", "transaction data", answer{"b": {bound("", one, other)}}},
		{"it refuses another hash algorithm", "key binding, query satisfied, transaction data", answer{"b": {bound("sha-512", one, other)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: c.token}, p.verifier())
			if failed(e) != c.failed || e.OK != (c.failed == "") {
				t.Fatalf("failed %q, want %q", failed(e), c.failed)
			}
		})
	}
	t.Run("it refuses hashes of what was not asked for", func(t *testing.T) {
		p := newParty(t, query(""))
		h := newHolder(t, p.authority, nil)
		token := h.bind(t, sdjwt.KeyBinding{Audience: p.request.ClientID, Nonce: p.request.Nonce, IssuedAt: now, TransactionDataHashes: []string{one}})
		if e := p.request.Evaluate(context.Background(), openid4vp.Response{VPToken: answer{"a": {token}}}, p.verifier()); failed(e) != "key binding, query satisfied" {
			t.Fatal(failed(e))
		}
	})
}

func (h holder) bind(t testing.TB, kb sdjwt.KeyBinding) string {
	t.Helper()
	token, err := sdjwt.Parse(h.token)
	if err != nil {
		t.Fatal(err)
	}
	presentation, err := token.Present()
	if err != nil {
		t.Fatal(err)
	}
	bound, err := sdjwt.Bind(presentation, h.key, kb)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

//clause:verifier 8.4, B.3.3: transaction data of registered types, hashed as it travels, authorized by one credential it names
func FuzzTransaction(f *testing.F) {
	q := parse(f, two)
	f.Add(statement)
	f.Add(`{"type":"urn:mydata:transaction:payment:1","credential_ids":["a","b"],"payee":"City of Seoul","amount":12000,"currency":"KRW","reference":"A-1"}`)
	f.Fuzz(func(t *testing.T, object string) {
		one, err := openid4vp.Transactions().Parse([]byte(object), q)
		if err != nil {
			return
		}
		again, err := openid4vp.Transactions().Decode([]string{one.Encoded}, q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]openid4vp.Transaction{one}, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
