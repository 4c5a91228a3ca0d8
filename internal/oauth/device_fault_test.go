package oauth_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

func (f *faulty) PutDevice(ctx context.Context, d oauth.Device) error {
	return f.do("PutDevice", func() error { return f.Store.PutDevice(ctx, d) })
}

func (f *faulty) PollDevice(ctx context.Context, hash string, now time.Time, more, most time.Duration) (d oauth.Device, err error) {
	err = f.do("PollDevice", func() (err error) { d, err = f.Store.PollDevice(ctx, hash, now, more, most); return err })
	return d, err
}

func (f *faulty) AnswerDevice(ctx context.Context, id string, version int64, hash string, yes *oauth.DeviceAnswer, now time.Time) error {
	return f.do("AnswerDevice", func() error { return f.Store.AnswerDevice(ctx, id, version, hash, yes, now) })
}

func (f *faulty) RedeemDevice(ctx context.Context, hash string, g oauth.Grant, t oauth.Tokens) error {
	return f.do("RedeemDevice", func() error { return f.Store.RedeemDevice(ctx, hash, g, t) })
}

// TestDeviceFaults breaks each write of the device flow in both ways.
//
//clause:as RFC 8628, 3.1 to 3.5: device authorization, polling, `authorization_pending`, `slow_down` (five seconds more), `expired_token`, `access_denied`; a code once, atomically
func TestDeviceFaults(t *testing.T) {
	for _, kept := range []bool{false, true} {
		way := map[bool]string{false: "lost", true: "kept although it failed"}[kept]
		broken := func() (*hub, *faulty, *client) {
			f := &faulty{}
			h := deviceHub(t, func(c *oauth.Config) { f.Store = c.Store; c.Store = f })
			return h, f, h.kiosk()
		}
		t.Run("a device's request "+way+": it gives no code", func(t *testing.T) {
			_, f, kiosk := broken()
			f.fail("PutDevice", kept)
			refused(t, kiosk.ask(nil), http.StatusInternalServerError, "server_error", "internal error")
		})
		t.Run("a poll "+way+": it gives nothing, and goes on later", func(t *testing.T) {
			_, f, kiosk := broken()
			code := kiosk.ask(nil).str("device_code")
			f.fail("PollDevice", kept)
			refused(t, kiosk.poll(code), http.StatusInternalServerError, "server_error", "internal error")
			f.fail("", false)
			want := map[bool]string{false: "authorization_pending", true: "slow_down"}[kept]
			refused(t, kiosk.poll(code), http.StatusBadRequest, want, "not answered")
		})
		t.Run("an interaction "+way+": it leads nowhere", func(t *testing.T) {
			h, f, kiosk := broken()
			asked := kiosk.ask(nil)
			f.fail("PutRequest", kept)
			if a := h.enter(asked.str("user_code")); a.status != http.StatusForbidden || a.url.Path != "/device" {
				t.Errorf("%d at %s", a.status, a.url)
			}
		})
		t.Run("an answer "+way+": it does not say that it was kept, and none is made of it", func(t *testing.T) {
			h, f, kiosk := broken()
			asked := kiosk.ask(nil)
			f.fail("AnswerDevice", kept)
			if a := h.enter(asked.str("user_code")); a.status != http.StatusInternalServerError || a.url.Path == oauth.DeviceDone {
				t.Errorf("%d at %s", a.status, a.url)
			}
			f.fail("", false)
			if a := kiosk.poll(asked.str("device_code")); (a.status == http.StatusOK) != kept {
				t.Errorf("then it answered %d %s", a.status, a.text)
			}
		})
		t.Run("a redemption "+way+": it gives nothing, and the code is whole or used up", func(t *testing.T) {
			h, f, kiosk := broken()
			asked := kiosk.ask(nil)
			h.enter(asked.str("user_code"))
			f.fail("RedeemDevice", kept)
			refused(t, kiosk.poll(asked.str("device_code")), http.StatusInternalServerError, "server_error", "internal error")
			f.fail("", false)
			if a := kiosk.poll(asked.str("device_code")); (a.status == http.StatusOK) == kept {
				t.Errorf("then it answered %d %s", a.status, a.text)
			}
		})
	}
}
