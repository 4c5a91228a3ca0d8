package service

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/limit"
)

func TestLimits(t *testing.T) {
	build := func(c Settings) (*limit.Limits, *limit.Connections) {
		t.Helper()
		limits, connections, err := c.Limits(new(limit.Memory))
		if err != nil {
			t.Fatal(err)
		}
		return limits, connections
	}
	strict, connections := build(Settings{TrustedFactor: 10, TrustedAddresses: "192.0.2.9", Proxies: "10.0.0.0/8"})
	if strict.Rate != 50 || connections.Each != 256 || connections.All < connections.Each || strict.Factor != 10 {
		t.Errorf("rate %d, connections %d of %d, factor %d", strict.Rate, connections.Each, connections.All, strict.Factor)
	}
	for name, b := range limit.Budgets() {
		if strict.Budgets[name] != b {
			t.Errorf("%s is %+v, want the default", name, strict.Budgets[name])
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.1.2.3:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	ctx, err := strict.Admit(r)
	if err != nil || limit.From(ctx).String() != "198.51.100.7" {
		t.Errorf("behind a proxy: %v, %v", limit.From(ctx), err)
	}
	loose, connections := build(Settings{Development: true})
	if loose.Rate != 1000 || connections.Each != 1024 || loose.Budgets[limit.Login].Limit != 20*strict.Budgets[limit.Login].Limit {
		t.Errorf("in development: rate %d, connections %d", loose.Rate, connections.Each)
	}
	if loose.Budgets[limit.TxCode] != strict.Budgets[limit.TxCode] {
		t.Error("development loosens the guessing of codes")
	}
	if named, connections := build(Settings{Development: true, Rate: 7, Connections: 3}); named.Rate != 7 || connections.Each != 3 {
		t.Errorf("named: rate %d, connections %d", named.Rate, connections.Each)
	}
	for _, c := range []Settings{{Proxies: "example.org"}, {TrustedAddresses: "192.0.2.0/99"}} {
		if _, _, err := c.Limits(new(limit.Memory)); err == nil || !strings.Contains(err.Error(), "neither an address nor a network") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// The budgets of guesses are never raised for a named address.
	for _, name := range []string{limit.TxCode, limit.Login, limit.LoginFail} {
		if !limit.Budgets()[name].Guess {
			t.Errorf("%s would be raised", name)
		}
	}
}
