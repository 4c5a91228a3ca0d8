package notify_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// browser is a subscription and the push service behind it.
type browser struct {
	*httptest.Server
	key    *ecdh.PrivateKey
	auth   []byte
	status int
	got    []string // what the browser shows
	vapid  string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{auth: make([]byte, 16), status: http.StatusCreated}
	_, _ = rand.Read(b.auth)
	var err error
	b.key, err = ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.vapid = r.Header.Get("Authorization")
		if r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("TTL") == "" {
			t.Errorf("headers %v", r.Header)
		}
		text, err := b.open(body)
		if err != nil {
			t.Errorf("push message: %v", err)
		}
		b.got = append(b.got, text)
		w.WriteHeader(b.status)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *browser) subscription() string {
	raw, _ := json.Marshal(map[string]any{"endpoint": b.URL + "/push/1", "expirationTime": nil, "keys": map[string]string{
		"auth": base64.RawURLEncoding.EncodeToString(b.auth), "p256dh": base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes())}})
	return string(raw)
}

// open is RFC 8291, 3.4 and RFC 8188, 2, for one record.
func (b *browser) open(body []byte) (string, error) {
	if len(body) < 21 || len(body) < 21+int(body[20]) {
		return "", errors.New("too short")
	}
	salt, public, sealed := body[:16], body[21:21+int(body[20])], body[21+int(body[20]):]
	theirs, err := ecdh.P256().NewPublicKey(public)
	if err != nil {
		return "", err
	}
	shared, err := b.key.ECDH(theirs)
	if err != nil {
		return "", err
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(public)
	ikm, err1 := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	key, err2 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, err3 := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	plain, err := gcm.Open(nil, nonce, sealed, nil)
	return strings.TrimRight(string(plain), "\x00\x02"), err
}

// told is a hub whose messages go to a channel.
func told(t *testing.T, channel func(*notify.Messages)) (*hub, *notify.Messages, *notify.Notifier) {
	t.Helper()
	h := newHub(t)
	m := &notify.Messages{Choices: h.db.Signals(), Hub: consenttest.Issuer, Now: h.Now}
	channel(m)
	h.endpoints = map[string]string{}
	return h, m, h.notifier(func(o *notify.Options) { o.Messages = m })
}

// personal is what no message may hold.
func (h *hub) personal(r consent.Record) []string {
	return []string{ada, string(r.Grant), h.Consumer.ID, h.Provider.ID, "licence", "nsurance", "health", "운전면허", "건강"}
}

func (h *hub) impersonal(t *testing.T, r consent.Record, text string) {
	t.Helper()
	for _, word := range h.personal(r) {
		if strings.Contains(text, word) {
			t.Errorf("the message says %q:\n%s", word, text)
		}
	}
}

//clause:signals RFC 8030, 7.3, RFC 8291, RFC 8292: push messages, encrypted and signed; an ended subscription
func TestWebPush(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	h, m, n := told(t, func(m *notify.Messages) { m.Push = notify.NewWebPush(key, consenttest.Issuer, true) })
	b := newBrowser(t)
	if confirm, err := m.Choose(t.Context(), ada, notify.ChannelPush, "ko", b.subscription()); err != nil || confirm {
		t.Fatal(confirm, err)
	}
	r := h.Granted(t.Context(), ada, h.passkey)
	must(t, n.Round(t.Context()))
	if len(b.got) != 1 || !strings.Contains(b.got[0], "동의") || !strings.Contains(b.got[0], consenttest.Issuer+"/me/history") {
		t.Fatalf("the browser shows %q", b.got)
	}
	if !strings.HasPrefix(b.vapid, "vapid t=") || !strings.Contains(b.vapid, m.Push.PublicKey()) {
		t.Errorf("VAPID: %q", b.vapid)
	}
	h.impersonal(t, r, b.got[0])
	// Whatever follows within a while is one more message, and not at once.
	h.withdraw(r)
	h.Granted(t.Context(), ada, h.passkey)
	for range 3 {
		must(t, n.Round(t.Context()))
		h.Pass(time.Minute)
	}
	if len(b.got) != 1 {
		t.Errorf("%d messages within minutes", len(b.got))
	}
	h.Pass(15 * time.Minute)
	for range 3 {
		must(t, n.Round(t.Context()))
	}
	if len(b.got) != 2 || h.count(notify.Messaged) != 2 {
		t.Errorf("%d messages after a while", len(b.got))
	}
	// A subscription that has ended is forgotten.
	for _, status := range []int{http.StatusGone, http.StatusNotFound} {
		_, err := m.Choose(t.Context(), ada, notify.ChannelPush, "en", b.subscription())
		must(t, err)
		b.status = status
		h.Granted(t.Context(), ada, h.passkey)
		h.Pass(time.Hour)
		must(t, n.Round(t.Context()))
		if _, err := m.Choice(t.Context(), ada); !errors.Is(err, notify.ErrNoChoice) {
			t.Errorf("after %d: %v", status, err)
		}
	}
	h.Granted(t.Context(), ada, h.passkey)
	must(t, n.Round(t.Context()))
	if len(b.got) != 4 {
		t.Errorf("%d messages: who is gone is told", len(b.got))
	}
}

func TestPushIsTriedAgain(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	h, m, n := told(t, func(m *notify.Messages) { m.Push = notify.NewWebPush(key, consenttest.Issuer, true) })
	b := newBrowser(t)
	_, err = m.Choose(t.Context(), ada, notify.ChannelPush, "xx", b.subscription())
	must(t, err)
	b.status = http.StatusServiceUnavailable
	h.Granted(t.Context(), ada, h.passkey)
	must(t, n.Round(t.Context()))
	b.status = http.StatusCreated
	h.Pass(time.Minute)
	must(t, n.Round(t.Context()))
	if len(b.got) != 2 || !strings.Contains(b.got[1], "Something happened") {
		t.Errorf("shown %q", b.got)
	}
	// What nobody could be told for a week is no news any more.
	b.status = http.StatusServiceUnavailable
	h.Granted(t.Context(), ada, h.passkey)
	h.Pass(8 * 24 * time.Hour)
	must(t, n.Round(t.Context()))
	if len(b.got) != 2 || h.count(notify.Dead) != 1+2 { // two are the consumer's, who does not poll
		t.Errorf("%d messages, observed %v", len(b.got), h.heard)
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	must(t, err)
	h, m, n := told(t, func(m *notify.Messages) { m.Push = notify.NewWebPush(key, consenttest.Issuer, false) })
	b := newBrowser(t)
	good := b.subscription()
	for name, bad := range map[string]string{
		"it takes no words":               "hello",
		"it takes no other scheme":        strings.Replace(good, "http:", "file:", 1),
		"it takes no credentials":         strings.Replace(good, "http://", "http://a:b@", 1),
		"it takes no short secret":        strings.Replace(good, base64.RawURLEncoding.EncodeToString(b.auth), "AAAA", 1),
		"it takes no point off the curve": strings.Replace(good, base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), "AAAA", 1),
		"it takes nothing that is long":   good + strings.Repeat(" ", 2048),
	} {
		if _, err := m.Choose(t.Context(), ada, notify.ChannelPush, "en", bad); !errors.Is(err, notify.ErrAddress) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, channel := range []string{notify.ChannelMail, notify.ChannelFile, "pigeon"} {
		if _, err := m.Choose(t.Context(), ada, channel, "en", "a@agency.example"); !errors.Is(err, notify.ErrChannel) {
			t.Errorf("%s: %v", channel, err)
		}
	}
	// What is kept and is none any more is forgotten.
	must(t, h.db.Signals().PutChoice(t.Context(), notify.Choice{Citizen: ada, Channel: notify.ChannelPush, Lang: "en", Address: []byte("hello")}))
	h.Granted(t.Context(), ada, h.passkey)
	must(t, n.Round(t.Context()))
	if _, err := m.Choice(t.Context(), ada); !errors.Is(err, notify.ErrNoChoice) {
		t.Errorf("a subscription that is none: %v", err)
	}
	// Not in development, nothing goes to this machine, whatever a browser says.
	var said strings.Builder
	n.Logger = slog.New(slog.NewTextHandler(&said, nil))
	for endpoint, says := range map[string]string{good: "address not allowed: not https", strings.Replace(good, "http:", "https:", 1): "prohibited"} {
		said.Reset()
		_, err = m.Choose(t.Context(), ada, notify.ChannelPush, "en", endpoint)
		must(t, err)
		h.Granted(t.Context(), ada, h.passkey)
		must(t, n.Round(t.Context()))
		h.Pass(time.Hour)
		if !strings.Contains(said.String(), says) {
			t.Errorf("it says %s, want %q", said.String(), says)
		}
	}
	if len(b.got) != 0 || h.count(notify.Retried) == 0 {
		t.Errorf("shown %q, observed %v", b.got, h.heard)
	}
}
