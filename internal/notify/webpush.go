package notify

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/SherClockHolmes/webpush-go"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	maxSubscription = 2 << 10
	pushLife        = 24 * 60 * 60 // seconds for which a push service keeps a message
)

// WebPush sends through the push services of browsers (RFC 8030, encrypted by
// RFC 8291), signed by a key that they know the hub by (VAPID, RFC 8292).
type WebPush struct {
	key     *ecdh.PrivateKey
	contact string
	client  *fetch.Client
}

// NewWebPush takes the hub's key for push services, on P-256, and its URL, which
// they may write to.
func NewWebPush(key *ecdh.PrivateKey, contact string, loopback bool) *WebPush {
	return &WebPush{key: key, contact: contact, client: &fetch.Client{Loopback: loopback, Timeout: pushTime}}
}

// PublicKey is what a browser subscribes with (applicationServerKey).
func (p *WebPush) PublicKey() string {
	return base64.RawURLEncoding.EncodeToString(p.key.PublicKey().Bytes())
}

type note struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	URL   string `json:"url"`
}

// readSubscription is a PushSubscription as a browser gives it (Push API, 8).
func readSubscription(raw []byte) (webpush.Subscription, error) {
	var s webpush.Subscription
	if len(raw) > maxSubscription || json.Unmarshal(raw, &s) != nil {
		return s, ErrAddress
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return s, ErrAddress
	}
	auth, err1 := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Keys.Auth, "="))
	point, err2 := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.Keys.P256dh, "="))
	if err1 != nil || err2 != nil || len(auth) != 16 {
		return s, ErrAddress
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return s, ErrAddress
	}
	return s, nil
}

func checkSubscription(raw []byte) error {
	_, err := readSubscription(raw)
	return err
}

func (p *WebPush) send(ctx context.Context, subscription []byte, n note) error {
	s, err := readSubscription(subscription)
	if err != nil {
		return ErrGone
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	res, err := webpush.SendNotificationWithContext(ctx, text, &s, &webpush.Options{
		HTTPClient: p.client, Subscriber: p.contact, TTL: pushLife, Topic: "consent", Urgency: webpush.UrgencyNormal,
		VAPIDPublicKey: p.PublicKey(), VAPIDPrivateKey: base64.RawURLEncoding.EncodeToString(p.key.Bytes()),
	})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode == http.StatusGone || res.StatusCode == http.StatusNotFound:
		return ErrGone
	case res.StatusCode >= 300:
		return fmt.Errorf("push service: status %d", res.StatusCode)
	}
	return nil
}
