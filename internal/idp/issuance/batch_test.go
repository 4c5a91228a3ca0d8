package issuance_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// holders are keys of a wallet, and their proofs over one nonce.
func (w *world) holders(t *testing.T, n int) (proofs []string) {
	t.Helper()
	nonce := w.freshNonce(t)
	for range n {
		proofs = append(proofs, w.proof(t, newKey(t), nonce, nil))
	}
	return proofs
}

// batch gets n copies for kim by the door.
func (w *world) batch(t *testing.T, config string, n int) openid4vci.CredentialResponse {
	t.Helper()
	a := w.do(t, "POST", "/credential", "kim", "application/json", request(config, w.holders(t, n)...))
	var response openid4vci.CredentialResponse
	if err := json.Unmarshal(a.body, &response); err != nil || a.status != 200 || len(response.Credentials) != n {
		t.Fatalf("credential: %d %s", a.status, a.body)
	}
	return response
}

// TestNothingConnectsTheCopies collects many batches and compares every text and
// number that a verifier could see of any two credentials: what is equal is what
// every card of this issuer, type and hour says, and what its holder chose to say.
//
//clause:issuer 13.8 and 15.4.1: nothing connects the copies, nor any two credentials: salts, times to the hour, indices, digests, signatures
func TestNothingConnectsTheCopies(t *testing.T) {
	w := newWorld(t)
	w.gate.scopes = []string{credential.ScopeResidentCard, credential.ScopeAgeCard}
	common := map[string]bool{"iss": true, "vct": true, "iat": true, "exp": true, "_sd_alg": true, "vct#integrity": true,
		"status.status_list.uri": true, "cnf.jwk.kty": true, "cnf.jwk.crv": true, "header.alg": true, "header.typ": true, "header.kid": true, "header.x5c.0": true}
	seen := map[string]string{} // value -> where
	indexes, total := map[int]bool{}, 0
	keep := func(value, where string) {
		if before, again := seen[value]; again {
			t.Errorf("%s and %s are equal: %s", before, where, value)
		}
		seen[value] = where
	}
	for b := range 6 {
		for _, config := range []string{credential.ConfigResidentCard, credential.ConfigAgeCard} {
			response := w.batch(t, config, 10)
			for n, one := range response.Credentials {
				where := fmt.Sprintf("copy %d of batch %d", n, b)
				head, rest, _ := strings.Cut(one.Credential, "~")
				parts := strings.Split(head, ".")
				keep(parts[2], where+": signature")
				header, payload := decoded(t, parts[0]), decoded(t, parts[1])
				if payload["iat"].(float64) != float64(int64(payload["iat"].(float64))/3600*3600) || payload["exp"].(float64) != float64(int64(payload["exp"].(float64))/3600*3600) {
					t.Errorf("%s tells the time closer than the hour", where)
				}
				if payload["jti"] != nil || payload["sub"] != nil {
					t.Errorf("%s is numbered: %v", where, payload)
				}
				index := int(payload["status"].(map[string]any)["status_list"].(map[string]any)["idx"].(float64))
				if indexes[index] {
					t.Errorf("index %d twice", index)
				}
				indexes[index], total = true, total+1
				payload["header"] = header
				for path, value := range leaves("", payload) {
					if !common[path] && !strings.HasSuffix(path, ".idx") {
						keep(fmt.Sprint(value), where+": "+path)
					}
				}
				for _, disclosure := range strings.Split(strings.Trim(rest, "~"), "~") {
					keep(disclosure, where+": disclosure")
					var open []any
					raw, err := base64.RawURLEncoding.DecodeString(disclosure)
					if err != nil || json.Unmarshal(raw, &open) != nil {
						t.Fatal(err)
					}
					keep(open[0].(string), where+": salt")
				}
			}
		}
	}
	if len(indexes) != total || consecutive(indexes) > total/10 {
		t.Errorf("%d indexes for %d credentials, %d of them beside one another", len(indexes), total, consecutive(indexes))
	}
}

// consecutive counts indexes whose neighbour was given too.
func consecutive(indexes map[int]bool) (n int) {
	for index := range indexes {
		if indexes[index+1] {
			n++
		}
	}
	return n
}

func decoded(t *testing.T, part string) (v map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || json.Unmarshal(raw, &v) != nil {
		t.Fatal(err)
	}
	return v
}

// leaves of a JSON value, by path.
func leaves(path string, v any) map[string]any {
	all := map[string]any{}
	into := func(name string, v any) {
		for p, value := range leaves(strings.TrimPrefix(path+"."+name, "."), v) {
			all[p] = value
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			into(name, value)
		}
	case []any:
		for i, value := range v {
			into(fmt.Sprint(i), value)
		}
	default:
		all[path] = v
	}
	return all
}

//clause:issuer 3.3.2, 8.2, 8.3: a batch, one key and one proof each, no more than batch_size, one commit
//clause:issuer 11.1: one word for all copies, the same word again; event_description of the characters allowed
func TestBatch(t *testing.T) {
	w := newWorld(t)
	a := w.do(t, "GET", openid4vci.WellKnown, "", "", "")
	meta, err := openid4vci.ParseMetadata(a.body, w.URL)
	if err != nil || meta.BatchCredentialIssuance == nil || meta.BatchCredentialIssuance.Size < 2 {
		t.Fatalf("%v %s", err, a.body)
	}
	size := meta.BatchCredentialIssuance.Size
	response := w.batch(t, credential.ConfigResidentCard, size)
	keys := map[string]bool{}
	for _, one := range response.Credentials {
		claims := disclosed(t, one.Credential)
		holder, err := sdjwt.HolderKey(claims)
		if err != nil || claims["name"] != "김하늘" {
			t.Fatalf("%v %v", claims, err)
		}
		print, err := holder.Thumbprint(5)
		if err != nil {
			t.Fatal(err)
		}
		keys[string(print)] = true
	}
	if len(keys) != size {
		t.Errorf("%d keys for %d copies", len(keys), size)
	}
	before := w.count(t)
	nonce := w.freshNonce(t)
	key := newKey(t)
	elsewhere := w.proof(t, newKey(t), w.freshNonce(t), nil)
	tampered := w.proof(t, newKey(t), nonce, map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: newKey(t).Public()}})
	for _, c := range []struct {
		name   string
		proofs []string
		code   string
	}{
		{"it refuses more than it says", w.holders(t, size+1), "invalid_proof"},
		{"it refuses one key twice", []string{w.proof(t, key, nonce, nil), w.proof(t, key, nonce, nil)}, "invalid_proof"},
		{"it refuses one proof twice", []string{w.proof(t, key, nonce, nil), w.proof(t, newKey(t), nonce, nil), w.proof(t, key, nonce, nil)}, "invalid_proof"},
		{"it refuses two nonces", []string{w.proof(t, key, nonce, nil), elsewhere}, "invalid_nonce"},
		{"it refuses all for one bad proof", []string{w.proof(t, key, nonce, nil), tampered}, "invalid_proof"},
		{"it refuses all for one proof that is none", []string{w.proof(t, key, nonce, nil), "x"}, "invalid_proof"},
		{"it refuses no proof", []string{}, "invalid_proof"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, c.proofs...))
			if a.status != 400 || code(t, a) != c.code || w.count(t) != before {
				t.Errorf("%d %s, %d credentials", a.status, a.body, w.count(t))
			}
		})
	}
	t.Run("it burns no nonce by a bad batch", func(t *testing.T) {
		a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.proof(t, key, nonce, nil)))
		if a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("it hears of all copies by one word, and revokes all by one", func(t *testing.T) {
		n := `{"notification_id":"` + response.NotificationID + `","event":"credential_accepted"}`
		for range 2 {
			if a := w.do(t, "POST", "/notification", "kim", "application/json", n); a.status != 204 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if err := w.Issuer.RevokeBatch(t.Context(), "lee", response.NotificationID); !errors.Is(err, credential.ErrUnknown) {
			t.Errorf("another citizen's: %v", err)
		}
		if err := w.Issuer.RevokeBatch(t.Context(), "kim", response.NotificationID); err != nil {
			t.Fatal(err)
		}
		copies, err := w.Issuer.Copies(t.Context(), "kim", response.NotificationID)
		if err != nil || len(copies) != size {
			t.Fatalf("%d copies, %v", len(copies), err)
		}
		for i, c := range copies {
			if c.Status != credential.Revoked || c.Acceptance != "credential_accepted" || c.Batch() != response.NotificationID || (i == 0) != (c.ID == c.Batch()) {
				t.Errorf("%+v", c)
			}
		}
	})
	t.Run("it has no batch by the name of a copy", func(t *testing.T) {
		n := `{"notification_id":"` + response.NotificationID + `.1","event":"credential_deleted"}`
		if a := w.do(t, "POST", "/notification", "kim", "application/json", n); a.status != 400 || code(t, a) != "invalid_notification_id" {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// count of what kim was issued.
func (w *world) count(t *testing.T) int {
	t.Helper()
	all, err := w.Issuer.Of(t.Context(), "kim")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// A batch is one commit: lost, nothing is there; kept although it was called lost,
// it is there once and whole.
//
//clause:issuer 3.3.2, 8.2, 8.3: a batch, one key and one proof each, no more than batch_size, one commit
func TestABatchIsWholeOrNothing(t *testing.T) {
	for name, set := range map[string]func(*spy, func(credential.Commit) error){
		"it survives a commit that was lost": func(s *spy, f func(credential.Commit) error) { s.before = f },
		"it survives a commit that was kept": func(s *spy, f func(credential.Commit) error) { s.after = f },
	} {
		t.Run(name, func(t *testing.T) {
			w, s := withSpy(t)
			set(s, once("issue/"))
			response := w.batch(t, credential.ConfigResidentCard, 10)
			all, err := w.Issuer.Of(t.Context(), "kim")
			if err != nil || len(all) != 10 {
				t.Fatalf("%d records, %v", len(all), err)
			}
			where := map[int]bool{}
			for _, i := range all {
				where[i.Index] = true
			}
			for _, one := range response.Credentials {
				index := int(disclosed(t, one.Credential)["status"].(map[string]any)["status_list"].(map[string]any)["idx"].(float64))
				if !where[index] {
					t.Errorf("a copy tells index %d, which no record has", index)
				}
			}
		})
	}
	t.Run("it leaves nothing of a commit that is lost for good", func(t *testing.T) {
		w, s := withSpy(t)
		w.batch(t, credential.ConfigResidentCard, 1) // the list is there
		s.before = func(credential.Commit) error { return fmt.Errorf("store: %w", diskFull{}) }
		a := w.do(t, "POST", "/credential", "kim", "application/json", request(credential.ConfigResidentCard, w.holders(t, 10)...))
		if a.status != 503 || w.count(t) != 1 {
			t.Errorf("%d %s, %d records", a.status, a.body, w.count(t))
		}
	})
}
