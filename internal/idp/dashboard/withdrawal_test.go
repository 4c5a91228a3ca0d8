package dashboard_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// posted is an assertion as a browser posts it.
func posted(t *testing.T, a approval.Assertion) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]any{"credential": map[string]any{
		"type": "public-key", "id": b64(a.CredentialID), "rawId": b64(a.CredentialID), "clientExtensionResults": map[string]any{},
		"response": map[string]any{"authenticatorData": b64(a.AuthenticatorData), "clientDataJSON": b64(a.ClientDataJSON), "signature": b64(a.Signature)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A citizen signs a withdrawal, gets it as a file, and the file holds without the hub.
func TestWithdrawByPasskey(t *testing.T) {
	l := newLedgered(t)
	granted, other := l.granted(t), l.granted(t).Grant
	b, page := l.open(t, l.phone), "/me/consents/"+string(granted.Grant)
	b.shows(t, page+"/withdraw", "en", `data-options-url="`+page+`/withdraw/options"`, "sign the withdrawal with your passkey")
	b.shows(t, page+"/withdraw", "ko", "패스키로 철회에 서명")
	if r := b.do("GET", page+"/withdrawal", "", "Accept", "application/json"); r.status != http.StatusNotFound {
		t.Errorf("a file before a signature: %d", r.status)
	}
	challenge, err := l.world.Ledger.WithdrawalToSign(t.Context(), granted.Grant, l.mine.Citizen)
	if err != nil {
		t.Fatal(err)
	}
	asked := b.do("POST", page+"/withdraw/options", `{}`)
	if !strings.Contains(asked.body, base64.RawURLEncoding.EncodeToString(challenge[:])) {
		t.Errorf("it asks for another signature: %d %s", asked.status, asked.body)
	}
	signed := l.passkey.Sign(challenge)
	bent := signed
	bent.Signature = append([]byte(nil), signed.Signature...)
	bent.Signature[len(bent.Signature)-1] ^= 1
	for name, body := range map[string]string{
		"another challenge": posted(t, l.passkey.Sign([32]byte{1})), "a bent signature": posted(t, bent), "no signature": `{"credential":{}}`, "nothing": `{}`,
	} {
		if r := b.do("POST", page+"/withdraw/finish", body); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := b.do("POST", "/me/consents/"+string(other)+"/withdraw/finish", posted(t, signed)); r.status != http.StatusBadRequest {
		t.Errorf("for another grant: %d %s", r.status, r.body)
	}
	l.want(t, "untouched", granted.Grant, consent.StateActive, "")
	if r := b.do("POST", page+"/withdraw/finish", posted(t, signed)); r.status != http.StatusOK || !strings.Contains(r.body, page+"/withdrawal") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	l.want(t, "withdrawn", granted.Grant, consent.StateWithdrawn, "")
	l.want(t, "untouched", other, consent.StateActive, "")
	file := b.do("GET", page+"/withdrawal", "")
	if file.status != http.StatusOK || !strings.HasPrefix(file.header.Get("Content-Type"), consent.WithdrawalType) {
		t.Fatalf("%d %s %s", file.status, file.header, file.body)
	}
	w, err := consent.ParseWithdrawal([]byte(file.body))
	if err == nil {
		err = w.Verify(l.world.RP, l.world.Trust.Officers)
	}
	if err != nil {
		t.Errorf("the file: %v", err)
	}
	if r := b.do("POST", page+"/withdraw/options", `{}`); r.status != http.StatusConflict {
		t.Errorf("again: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/withdraw/options", "/withdraw/finish"} { // another citizen's, or nobody's
		if r := b.do("POST", "/me/consents/none"+path, posted(t, signed)); r.status != http.StatusNotFound {
			t.Errorf("%s of no grant: %d %s", path, r.status, r.body)
		}
	}
}

// Withdrawing by the session alone is as easy as before, and leaves no file.
func TestWithdrawBySessionAlone(t *testing.T) {
	l := newLedgered(t)
	id := l.granted(t).Grant
	b, page := l.open(t, l.phone), "/me/consents/"+string(id)
	b.moves(t, page+"/withdraw", "/me/consents?withdrawn")
	l.want(t, "withdrawn", id, consent.StateWithdrawn, "")
	if r := b.do("GET", page+"/withdrawal", "", "Accept", "application/json"); r.status != http.StatusNotFound {
		t.Errorf("a file without a signature: %d", r.status)
	}
}
