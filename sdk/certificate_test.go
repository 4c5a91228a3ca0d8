package sdk

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestCertificateWatch(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: end.AddDate(-1, 0, 0), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	clock := end.AddDate(0, 0, -90)
	w := watchCertificate(Keys{Agency: "urn:a", Chain: [][]byte{der}}, slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return clock })
	said := func(at time.Time) string {
		clock = at
		out.Reset()
		w.look(t.Context())
		return out.String()
	}
	for _, c := range []struct {
		name  string
		hours int // before the end
		want  string
	}{
		{"it says nothing long before", 61 * 24, ""},
		{"it warns 60 days before", 60 * 24, "days=60"},
		{"it does not repeat itself", 59 * 24, ""},
		{"it warns 30 days before", 30 * 24, "days=30"},
		{"it does not repeat itself then", 8 * 24, ""},
		{"it warns 7 days before", 7 * 24, "days=7"},
		{"it is silent the same day", 6*24 + 1, ""},
		{"it warns each day from then on", 6 * 24, "days=7"},
		{"it says that it has ended", 0, "has ended"},
		{"it goes on saying it", -25, "level=ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := said(end.Add(-time.Duration(c.hours) * time.Hour))
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("it warns at the start", func(t *testing.T) {
		out.Reset()
		clock = end.AddDate(0, 0, -20)
		watchCertificate(Keys{Agency: "urn:a", Chain: [][]byte{der}}, slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return clock })
		if !strings.Contains(out.String(), "days=30") || !strings.Contains(out.String(), "agency=urn:a") {
			t.Error(out.String())
		}
	})
	t.Run("it can do without", func(*testing.T) { (*certificateWatch)(nil).look(t.Context()) })
}
