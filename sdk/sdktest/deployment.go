package sdktest

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"testing"

	"github.com/govmydata/mydata/sdk"
)

// Deployment is this hub for Suite, with agencies of its own.
func (h *Hub) Deployment(record sdk.Record) Deployment {
	h.t.Helper()
	var mu sync.Mutex
	var happen func()
	load := func(context.Context, sdk.Subject) (sdk.Record, error) {
		mu.Lock()
		now := happen
		happen = nil
		mu.Unlock()
		if now != nil {
			now()
		}
		return record, nil
	}
	return Deployment{
		URL: h.URL, Consumer: h.MustConsumer(), Provider: h.MustProvider(map[string]sdk.DataSet{DataSet: {Load: load, Derive: Derive}}),
		ConsumerKeys: h.ConsumerKeys(), ProviderKeys: h.ProviderKeys(), Need: h.Need(h.MustCitizen("nobody in particular")),
		OnLoad: func(f func()) {
			mu.Lock()
			defer mu.Unlock()
			happen = f
		},
		Person: func(_ testing.TB, n int) Person { return visitor{h.MustCitizen("person " + strconv.Itoa(n))} },
	}
}

// visitor is a citizen as Suite knows one.
type visitor struct{ *Citizen }

func (v visitor) Login(_ context.Context, address string) (url.Values, error) {
	return v.MustLogin(sdk.Redirect{URL: address}), nil
}

func (v visitor) Grant(_ context.Context, address string) (url.Values, error) {
	return v.Citizen.Grant(sdk.Redirect{URL: address}, "vision_ok", "hearing_ok")
}

func (v visitor) Deny(_ context.Context, address string) (url.Values, error) {
	return v.MustDeny(sdk.Redirect{URL: address}), nil
}

func (v visitor) Withdraw(_ context.Context, grantID string) error {
	v.MustWithdraw(grantID)
	return nil
}
