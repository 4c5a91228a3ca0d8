package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/oauth"
)

func deviceOf(name string) oauth.Device {
	return oauth.Device{
		Hash: name, User: "user " + name, Client: "kiosk", Scopes: []string{"openid"}, Grant: "grant of " + name,
		State: oauth.DevicePending, Pause: 5 * time.Second, Expires: oauthTime.Add(10 * time.Minute),
	}
}

// oauthDevices is what every oauth.DeviceStore must do.
func oauthDevices(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	t.Run("it finds a device by either code, while it waits", func(t *testing.T) {
		_, err := s.Device(ctx, "none")
		is(t, "device", err, oauth.ErrGone)
		_, err = s.PollDevice(ctx, "none", oauthTime, time.Second, time.Minute)
		is(t, "poll", err, oauth.ErrGone)
		is(t, "put", s.PutDevice(ctx, deviceOf("found")), nil)
		twin := deviceOf("twin")
		twin.User = "user found"
		is(t, "put another under its user code", s.PutDevice(ctx, twin), oauth.ErrConflict)
		_, err = s.Device(ctx, "twin")
		is(t, "the other", err, oauth.ErrGone)
		for _, find := range []func() (oauth.Device, error){
			func() (oauth.Device, error) { return s.Device(ctx, "found") },
			func() (oauth.Device, error) { return s.DeviceOf(ctx, "user found", oauthTime) },
		} {
			got, err := find()
			is(t, "find", err, nil)
			same(t, "device", got, deviceOf("found"))
		}
		_, err = s.DeviceOf(ctx, "user found", deviceOf("").Expires)
		is(t, "too late", err, oauth.ErrGone)
	})
	t.Run("it notes each poll, and asks for more patience", func(t *testing.T) {
		is(t, "put", s.PutDevice(ctx, deviceOf("polled")), nil)
		for _, poll := range []struct {
			at, pause time.Duration
			early     bool
		}{{0, 5, false}, {5, 5, false}, {9, 10, true}, {18, 12, true}, {29, 12, true}, {41, 12, false}} {
			d, err := s.PollDevice(ctx, "polled", oauthTime.Add(poll.at*time.Second), 5*time.Second, 12*time.Second)
			is(t, "poll", err, nil)
			same(t, fmt.Sprint("poll at ", int(poll.at)), []any{d.Early, d.Pause}, []any{poll.early, poll.pause * time.Second})
		}
	})
	oauthDeviceAnswers(t, s)
}

func oauthDeviceAnswers(t *testing.T, s oauth.Store) {
	ctx := t.Context()
	yes := &oauth.DeviceAnswer{Citizen: "ada", AuthTime: oauthTime, AMR: []string{"hwk"}}
	t.Run("it takes one answer, by one of many at once, and ends that interaction alone", func(t *testing.T) {
		is(t, "put", s.PutDevice(ctx, deviceOf("answered")), nil)
		for n := range 8 {
			is(t, "put", s.PutRequest(ctx, newRequest(fmt.Sprint("answering", n))), nil)
		}
		is(t, "of another version", s.AnswerDevice(ctx, "answering0", 7, "answered", yes, oauthTime), oauth.ErrGone)
		is(t, "too late", s.AnswerDevice(ctx, "answering0", 0, "answered", yes, oauthTime.Add(time.Hour)), oauth.ErrGone)
		is(t, "redeem before", s.RedeemDevice(ctx, "answered", grantOf("never", "ada"), tokensOf("never")), oauth.ErrUsed)
		won := atOnce(t, oauth.ErrGone, func(n int) error {
			return s.AnswerDevice(ctx, fmt.Sprint("answering", n), 0, "answered", yes, oauthTime)
		})
		same(t, "winners", won, 1)
		d, err := s.Device(ctx, "answered")
		is(t, "device", err, nil)
		same(t, "state", d.State, oauth.DeviceApproved)
		same(t, "answer", d.Answer, *yes)
		left := 0
		for n := range 8 {
			if _, err := s.Request(ctx, fmt.Sprint("answering", n), oauthTime); err == nil {
				left++
			}
		}
		same(t, "interactions that go on", left, 7)
	})
	t.Run("it redeems an approved device once, by one of many at once, and a denied one never", func(t *testing.T) {
		is(t, "put", s.PutDevice(ctx, deviceOf("redeemed")), nil)
		is(t, "put", s.PutRequest(ctx, newRequest("device yes")), nil)
		is(t, "yes", s.AnswerDevice(ctx, "device yes", 0, "redeemed", yes, oauthTime), nil)
		won := atOnce(t, oauth.ErrUsed, func(n int) error {
			return s.RedeemDevice(ctx, "redeemed", grantOf("grant of device", "ada"), tokensOf(fmt.Sprint("device", n)))
		})
		same(t, "winners", won, 1)
		d, err := s.Device(ctx, "redeemed")
		is(t, "device", err, nil)
		same(t, "state", d.State, oauth.DeviceUsed)
		is(t, "put", s.PutDevice(ctx, deviceOf("denied")), nil)
		is(t, "put", s.PutRequest(ctx, newRequest("device no")), nil)
		is(t, "no", s.AnswerDevice(ctx, "device no", 0, "denied", nil, oauthTime), nil)
		is(t, "redeem", s.RedeemDevice(ctx, "denied", grantOf("never", "ada"), tokensOf("never")), oauth.ErrUsed)
	})
}
