package sdktest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/sdk/sdktest"
)

//clause:kit what a wallet says became of an agency's document (OpenID4VCI 1.0, 11), by its person and wallet alone
func TestIssuerIsNotified(t *testing.T) {
	b := newBureau(t)
	status, text := b.ask(b.token(), "/credential", b.order(b.proven(2)))
	var answer openid4vci.CredentialResponse
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.NotificationID == "" || b.issuer.Metadata().NotificationEndpoint != b.url+"/notification" {
		t.Fatalf("%d %s", status, text)
	}
	said := func() string {
		all, err := b.issuer.Documents(t.Context(), "")
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0].Acceptance
	}
	word := func(id, event string) map[string]string {
		return map[string]string{"notification_id": id, "event": event}
	}
	lee := b.MustCitizen("lee").IssuanceToken(b.url, "extract", "phone", b.proofs.JKT())
	tablet := b.token(func(c map[string]any) { c["client_id"] = "tablet" })
	for name, tt := range map[string]struct {
		token  string
		body   any
		status int
		code   string
	}{
		"it refuses an unknown id":                {b.token(), word(strings.Repeat("A", 26), "credential_accepted"), 400, "invalid_notification_id"},
		"it refuses one that no journal can hold": {b.token(), word("a\x00b", "credential_accepted"), 400, "invalid_notification_id"},
		"it refuses another person's":             {lee, word(answer.NotificationID, "credential_accepted"), 400, "invalid_notification_id"},
		"it refuses another wallet's":             {tablet, word(answer.NotificationID, "credential_accepted"), 400, "invalid_notification_id"},
		"it refuses an event that nobody defined": {b.token(), word(answer.NotificationID, "lost"), 400, "invalid_notification_request"},
		"it refuses what is no JSON":              {b.token(), "{", 400, "invalid_notification_request"},
		"it refuses a token that is none":         {"a.b.c", word(answer.NotificationID, "credential_accepted"), 401, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			if status, text := b.ask(tt.token, "/notification", tt.body); status != tt.status || !strings.Contains(text, `"error":"`+tt.code+`"`) || said() != "" {
				t.Errorf("%d %s, kept %q", status, text, said())
			}
		})
	}
	for _, event := range []string{"credential_accepted", "credential_accepted", "credential_deleted"} {
		if status, text := b.ask(b.token(), "/notification", word(answer.NotificationID, event)); status != http.StatusNoContent || text != "" || said() != event {
			t.Errorf("%s: %d %s, kept %q", event, status, text, said())
		}
	}
	for _, kept := range []bool{false, true} {
		journal := b.journal()
		b.reopen(journal)
		status, text := b.ask(b.token(), "/credential", b.order(b.proven(1)))
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		b.reopen(sdktest.BreakWrite(journal, 2, kept)) // the first is the secret's
		for _, want := range []int{500, 204} {
			if status, text := b.ask(b.token(), "/notification", word(answer.NotificationID, "credential_accepted")); status != want {
				t.Errorf("kept %v: %d %s", kept, status, text)
			}
		}
		if said() != "credential_accepted" {
			t.Errorf("kept %v: %q", kept, said())
		}
	}
}
