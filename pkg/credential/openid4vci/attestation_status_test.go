package openid4vci_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/wallet/wallettest"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

//clause:issuer D.1, D.2; HAIP 1.0, 4.5.1: key attestations: typ, x5c, times, keys, levels, status
func TestAttestationStatus(t *testing.T) {
	a, other := newAttesting(t), wallettest.NewProvider(t, "other.example")
	signer := a.Provider
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /list", func(w http.ResponseWriter, _ *http.Request) {
		list, err := statuslist.New(1, 64)
		if err == nil {
			err = list.Set(7, statuslist.Invalid)
		}
		var token string
		if err == nil {
			token, err = statuslist.Sign(statuslist.Key{Signer: signer.Key(), X5C: signer.Chain()}, statuslist.Token{
				URI: server.URL + "/list", IssuedAt: a.now, Expires: a.now.Add(time.Hour), TTL: time.Second, List: list})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", statuslist.MediaType)
		_, _ = w.Write([]byte(token))
	})
	ask := func(claim string) error {
		check := openid4vci.AttestationStatus(&statuslist.Client{Development: true}, a.Now)
		return check(t.Context(), []byte(strings.ReplaceAll(claim, "LIST", server.URL+"/list")), a.roots[0])
	}
	if err := ask(`{"status_list":{"idx":3,"uri":"LIST"}}`); err != nil {
		t.Fatal(err)
	}
	for name, claim := range map[string]string{
		"it refuses what was revoked":          `{"status_list":{"idx":7,"uri":"LIST"}}`,
		"it refuses a place outside":           `{"status_list":{"idx":64,"uri":"LIST"}}`,
		"it refuses a place below":             `{"status_list":{"idx":-1,"uri":"LIST"}}`,
		"it refuses no place":                  `{"status_list":{"uri":"LIST"}}`,
		"it refuses no address":                `{"status_list":{"idx":3}}`,
		"it refuses a list that is not there":  `{"status_list":{"idx":3,"uri":"LISTS"}}`,
		"it refuses what it does not know":     `{"status_assertion":{}}`,
		"it refuses what is no claim":          `[]`,
		"it refuses the file of a machine":     `{"status_list":{"idx":3,"uri":"file:///etc/passwd"}}`,
		"it refuses a place given as a string": `{"status_list":{"idx":"3","uri":"LIST"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := ask(claim); err == nil {
				t.Error("taken")
			}
		})
	}
	t.Run("it refuses a list under another root than the attestation's", func(t *testing.T) {
		signer = other
		if err := ask(`{"status_list":{"idx":3,"uri":"LIST"}}`); err == nil {
			t.Error("taken")
		}
	})
}

//clause:issuer F.1, F.3: a key attestation in a jwt proof, signed by an attested key, and alone; its c_nonce; the keys it attests
func TestParseAttestationProofs(t *testing.T) {
	r, err := openid4vci.ParseCredentialRequest([]byte(`{"credential_configuration_id":"c","proofs":{"attestation":["a"]}}`))
	if err != nil || len(r.Proofs.Attestation) != 1 || len(r.Proofs.JWT) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	for name, proofs := range map[string]string{
		"it refuses two attestations":            `{"attestation":["a","b"]}`,
		"it refuses none":                        `{"attestation":[]}`,
		"it refuses an attestation that is text": `{"attestation":"a"}`,
		"it refuses an attestation beside a jwt": `{"attestation":["a"],"jwt":["b"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openid4vci.ParseCredentialRequest([]byte(`{"credential_configuration_id":"c","proofs":` + proofs + `}`))
			wantsCode(t, err, "invalid_proof")
		})
	}
}
