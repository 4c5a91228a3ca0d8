package oauth_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

// What a client registered may lead anywhere; a hub outside of development tells
// nobody on its own machine or network, and its log keeps the address to itself.
func TestLogoutGoesNowhereElse(t *testing.T) {
	h, l := newHub(t), newListener(t)
	h.sessionID = "session-1"
	h.party("one", l).login(t)
	check(t, h.oauth.EndSession(t.Context(), "session-1"))
	var log bytes.Buffer
	config := h.oauth.Config
	config.Development, config.Issuer, config.Logger = false, "https://hub.example", slog.New(slog.NewTextHandler(&log, nil))
	outside, err := oauth.New(config)
	check(t, err)
	check(t, outside.TellLogouts(t.Context()))
	if said := log.String(); len(l.heard()) != 0 || !strings.Contains(said, "address not allowed") || strings.Contains(said, "/out") {
		t.Errorf("told %d, log: %s", len(l.heard()), said)
	}
	h.pass(time.Hour)
	check(t, h.oauth.TellLogouts(t.Context()))
	if len(l.heard()) != 1 {
		t.Error("in development it is not told either")
	}
}
