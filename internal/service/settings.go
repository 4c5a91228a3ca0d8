package service

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/pflag"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/pkg/fetch"
)

// Settings are what every service is told: part of its own settings, of which each
// field is a flag and an environment variable; a flag given wins.
type Settings struct {
	Zone        string `env:"TIME_ZONE" envDefault:"Asia/Seoul"`
	TLSCert     string `env:"TLS_CERT"`
	TLSKey      string `env:"TLS_KEY"`
	Metrics     string `env:"METRICS"`
	Traces      string `env:"TRACES"`
	Development bool   `env:"DEVELOPMENT"`

	Proxies          string        `env:"PROXIES"`
	TrustedAddresses string        `env:"TRUSTED_ADDRESSES"`
	TrustedFactor    int           `env:"TRUSTED_FACTOR" envDefault:"10"`
	Rate             int           `env:"RATE"`
	Connections      int           `env:"CONNECTIONS"`
	RequestTime      time.Duration `env:"REQUEST_TIME" envDefault:"10s"`
}

// Program is a service by its settings' names.
type Program struct {
	Prefix     string   // of its variables, as MYDATA_IDP_
	Neighbours []string // programs, as VERIFIER, that may share an environment file with it
	Help       string   // the command that lists its settings
}

// Variable is a flag's name in the environment.
func (p Program) Variable(flag string) string {
	return p.Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Usage is what a flag's help says.
func (p Program) Usage(flag, usage string) string { return usage + " (" + p.Variable(flag) + ")" }

// Parse fills a program's settings from the environment, and refuses a variable of
// its own that is none of them: a misspelt setting would go unheard.
func Parse[T any](p Program) (T, error) {
	c, err := env.ParseAsWithOptions[T](env.Options{Prefix: p.Prefix})
	if wrong, ok := errors.AsType[env.ParseError](err); ok { // it names the field, which nobody has set
		field, _ := reflect.TypeFor[T]().FieldByName(wrong.Name)
		err = fmt.Errorf("%s: %w", p.Prefix+field.Tag.Get("env"), wrong.Err)
	}
	if err != nil {
		return c, fmt.Errorf("environment: %w", err)
	}
	return c, p.known(reflect.TypeFor[T](), os.Environ())
}

func (p Program) known(settings reflect.Type, environ []string) error {
	known := []string{"MYDATA_DATA", p.Prefix + "PORT"}
	for _, field := range reflect.VisibleFields(settings) {
		if name := field.Tag.Get("env"); name != "" {
			known = append(known, p.Prefix+name)
		}
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, "MYDATA_")
		if !ours || slices.Contains(known, name) {
			continue
		}
		if program, _, _ := strings.Cut(rest, "_"); slices.Contains(p.Neighbours, program) {
			continue
		}
		return fmt.Errorf("environment: %s is not a setting of this service; see %s", name, p.Help)
	}
	return nil
}

// Flags adds the flags that are wanted.
func (s *Settings) Flags(f *pflag.FlagSet, p Program, wanted func(flag string) bool) {
	text := func(to *string, name, usage string) {
		if wanted(name) {
			f.StringVar(to, name, *to, p.Usage(name, usage))
		}
	}
	number := func(to *int, name, usage string) {
		if wanted(name) {
			f.IntVar(to, name, *to, p.Usage(name, usage))
		}
	}
	text(&s.Zone, "time-zone", "zone in which pages show times")
	text(&s.TLSCert, "tls-cert", "PEM certificate chain to serve https with")
	text(&s.TLSKey, "tls-key", "PEM key of that certificate")
	text(&s.Metrics, "metrics", "address of its own for Prometheus: loop-back, or a named address by https; none by default")
	text(&s.Traces, "traces", "OTLP/HTTP collector to send traces to; none by default, OTEL_EXPORTER_OTLP_ENDPOINT names one too")
	text(&s.Proxies, "proxies", "addresses or networks of our own proxies, whose X-Forwarded-For is believed; none by default")
	text(&s.TrustedAddresses, "trusted-addresses", "addresses or networks whose limits are raised, save those on codes and login")
	number(&s.TrustedFactor, "trusted-factor", "how many times more a trusted address may ask")
	number(&s.Rate, "rate", "requests a second of one address; 0: 50, in development 1000")
	number(&s.Connections, "connections", "connections of one address; 0: 256, in development 1024")
	if wanted("request-time") {
		f.DurationVar(&s.RequestTime, "request-time", s.RequestTime, p.Usage("request-time", "how long a request may take with all that is done for it"))
	}
}

// Safe holds the one rule on plain http: development, on loop-back, both ways. public
// is the service's own URL, which setting names.
func (s *Settings) Safe(setting, public, listen string) error {
	u, err := Origin(setting, public)
	if err != nil {
		return err
	}
	if err := s.numbers(); err != nil {
		return err
	}
	if err := Certificate(s.TLSCert, s.TLSKey); err != nil {
		return err
	}
	if err := metrics.CheckAddress(s.Metrics, s.TLSCert != ""); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen %q: %w", listen, err)
	}
	switch {
	case s.Development && !(Loopback(host) && Loopback(u.Hostname())):
		return fmt.Errorf("development mode serves loop-back only: listen on 127.0.0.1 and use an address at localhost as %s, or leave --development out", setting)
	case s.Development:
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("the %s must be https; plain http is for --development on loop-back alone", setting)
	case s.TLSCert == "" && !Loopback(host):
		return errors.New("give tls-cert and tls-key, or listen on loop-back behind a proxy that ends TLS")
	}
	return nil
}

// Certificate finds before anything is begun what a server would find last: the files
// of https, both or none.
func Certificate(cert, key string) error {
	if (cert == "") != (key == "") {
		return errors.New("tls-cert and tls-key go together")
	}
	if cert == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return fmt.Errorf("tls-cert %s and tls-key %s: %w", cert, key, err)
	}
	return nil
}

// Origin reads a service's own URL, which has to be spelt as browsers spell an origin
// (RFC 6454, 6.2): passkeys and redirects are compared with it byte for byte.
func Origin(setting, public string) (*url.URL, error) {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || public != u.Scheme+"://"+u.Host || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s %q: want https://host[:port] and nothing more", setting, public)
	}
	foreign := strings.ContainsFunc(public, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsUpper(r) })
	if port := u.Port(); foreign || strings.HasSuffix(u.Host, ":") || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return nil, fmt.Errorf("%s %q: write it as browsers do: in lower case, an international name as xn--…, no :443 for https or :80 for http", setting, public)
	}
	return u, nil
}

// numbers refuses what would stand for no limit, or for nobody served.
func (s *Settings) numbers() error {
	switch {
	case s.RequestTime < time.Second || s.RequestTime > time.Minute:
		return fmt.Errorf("request-time %s: want 1s to 1m", s.RequestTime)
	case s.Rate < 0:
		return fmt.Errorf("rate %d: want 1 or more, or 0 for the default", s.Rate)
	case s.Connections < 0:
		return fmt.Errorf("connections %d: want 1 or more, or 0 for the default", s.Connections)
	case s.TrustedFactor < 1:
		return fmt.Errorf("trusted-factor %d: want 1 or more", s.TrustedFactor)
	}
	return nil
}

// Loopback tells whether a host is this machine by its name.
func Loopback(host string) bool {
	return fetch.Loopback(host) || strings.HasSuffix(host, ".localhost")
}
