package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/fetch"
)

// config is what the service is told. Each field is a flag and an environment
// variable; a flag given wins. Secrets are never values, only paths.
type config struct {
	Listen      string        `env:"LISTEN" envDefault:"127.0.0.1:8081"`
	URL         string        `env:"URL" envDefault:"http://localhost:8081"`
	Trust       string        `env:"TRUST"`
	TrustPolicy string        `env:"TRUST_POLICY"`
	IssuerKeys  string        `env:"ISSUER_KEYS"`
	Key         string        `env:"KEY"`
	Chain       string        `env:"CHAIN"`
	Socket      string        `env:"SOCKET"`
	Wallet      string        `env:"WALLET"`
	Hub         string        `env:"HUB"`
	Attestation string        `env:"ATTESTATION"`
	CrossDevice string        `env:"CROSS_DEVICE" envDefault:"match"`
	API         string        `env:"API"`
	APIToken    string        `env:"API_TOKEN"`
	Zone        string        `env:"TIME_ZONE" envDefault:"Asia/Seoul"`
	Life        time.Duration `env:"REQUEST_LIFE" envDefault:"5m"`
	TLSCert     string        `env:"TLS_CERT"`
	TLSKey      string        `env:"TLS_KEY"`
	Metrics     string        `env:"METRICS"`
	Traces      string        `env:"TRACES"`
	Development bool          `env:"DEVELOPMENT"`

	Proxies          string        `env:"PROXIES"`
	TrustedAddresses string        `env:"TRUSTED_ADDRESSES"`
	TrustedFactor    int           `env:"TRUSTED_FACTOR" envDefault:"10"`
	Rate             int           `env:"RATE"`
	Connections      int           `env:"CONNECTIONS"`
	RequestTime      time.Duration `env:"REQUEST_TIME" envDefault:"10s"`
}

const envPrefix = "MYDATA_VERIFIER_"

// neighbours are the prefixes of the other programs, which may share an
// environment file with this one.
var neighbours = []string{"IDP", "INSURER", "LICENCE", "WALLET", "WITNESS"}

func (c *config) flags(f *pflag.FlagSet) {
	text := func(p *string, name, usage string) {
		f.StringVar(p, name, *p, usage+" ("+variable(name)+")")
	}
	text(&c.Listen, "listen", "address to listen on")
	text(&c.URL, "url", "the verifier's public URL")
	text(&c.Trust, "trust", "`folder` that idp trust export wrote; default DATA/trust")
	text(&c.TrustPolicy, "trust-policy", "`file` that says which further issuers are believed, type by type: by roots, published keys or DIDs; none by default")
	text(&c.IssuerKeys, "issuer-keys", "`file` that idp log keys wrote: credentials and status lists of these keys alone; none by default")
	text(&c.Key, "key", "PEM key that signs requests; default DATA/verifier/key.pem")
	text(&c.Chain, "chain", "PEM certificate chain of that key, leaf first; default DATA/verifier/chain.pem")
	text(&c.Socket, "socket", "unix socket for the commands; default DATA/verifier.sock")
	text(&c.Wallet, "wallet", "URL of a demo wallet page to link to; none by default")
	text(&c.Hub, "hub", "the hub's URL, shown in the log; credentials name their status list themselves")
	text(&c.Attestation, "attestation", "file with a verifier attestation JWT over the key; none by default")
	text(&c.CrossDevice, "cross-device", "answers to the QR code of a page: match (a number is typed back), plain, or off")
	text(&c.API, "api", "loop-back address for relying parties that have the token; none by default")
	text(&c.APIToken, "api-token", "file with the token of relying parties, at least 32 characters, readable by its owner alone")
	text(&c.Zone, "time-zone", "zone in which pages show times")
	text(&c.TLSCert, "tls-cert", "PEM certificate chain to serve https with")
	text(&c.TLSKey, "tls-key", "PEM key of that certificate")
	text(&c.Metrics, "metrics", "address of its own for Prometheus: loop-back, or a named address by https; none by default")
	text(&c.Traces, "traces", "OTLP/HTTP collector to send traces to; none by default, OTEL_EXPORTER_OTLP_ENDPOINT names one too")
	text(&c.Proxies, "proxies", "addresses or networks of our own proxies, whose X-Forwarded-For is believed; none by default")
	text(&c.TrustedAddresses, "trusted-addresses", "addresses or networks whose limits are raised")
	f.IntVar(&c.TrustedFactor, "trusted-factor", c.TrustedFactor, "how many times more a trusted address may ask ("+variable("trusted-factor")+")")
	f.IntVar(&c.Rate, "rate", c.Rate, "requests a second of one address; 0: 50, in development 1000 ("+variable("rate")+")")
	f.IntVar(&c.Connections, "connections", c.Connections, "connections of one address; 0: 256, in development 1024 ("+variable("connections")+")")
	f.DurationVar(&c.RequestTime, "request-time", c.RequestTime, "how long a request may take with all that is done for it ("+variable("request-time")+")")
	f.DurationVar(&c.Life, "request-life", c.Life, "how long a wallet may take ("+variable("request-life")+")")
	f.BoolVar(&c.Development, "development", c.Development, "plain http on loop-back ("+variable("development")+")")
}

func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// serveConfig binds a command's flags to a config read from the environment;
// errors wait until the command runs, so that --help always works.
func serveConfig(cmd *cobra.Command) func() (config, error) {
	c, err := env.ParseAsWithOptions[config](env.Options{Prefix: envPrefix})
	if err != nil {
		err = fmt.Errorf("environment: %w", err)
	} else {
		err = unknownVariables(os.Environ())
	}
	c.flags(cmd.Flags())
	return func() (config, error) {
		if err != nil {
			return c, err
		}
		return c, c.complete(dataDir(cmd))
	}
}

// unknownVariables refuses a misspelt setting instead of ignoring it.
func unknownVariables(environ []string) error {
	known := []string{"MYDATA_DATA", envPrefix + "PORT"}
	for field := range reflect.TypeFor[config]().Fields() {
		known = append(known, envPrefix+field.Tag.Get("env"))
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		rest, ours := strings.CutPrefix(name, "MYDATA_")
		if !ours || slices.Contains(known, name) {
			continue
		}
		if program, _, _ := strings.Cut(rest, "_"); slices.Contains(neighbours, program) {
			continue
		}
		return fmt.Errorf("environment: %s is not a setting of this service; see verifier serve --help", name)
	}
	return nil
}

// complete fills what depends on the data folder and refuses what is unsafe.
func (c *config) complete(data string) error {
	def := func(p *string, parts ...string) {
		if *p == "" {
			*p = filepath.Join(append([]string{data}, parts...)...)
		}
	}
	def(&c.Trust, "trust")
	def(&c.Key, "verifier", "key.pem")
	def(&c.Chain, "verifier", "chain.pem")
	def(&c.Socket, "verifier.sock")
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.Life < 30*time.Second || c.Life > time.Hour {
		return fmt.Errorf("request-life %s: want 30s to 1h", c.Life)
	}
	if !slices.Contains([]string{verifier.CrossMatch, verifier.CrossPlain, verifier.CrossOff}, c.CrossDevice) {
		return fmt.Errorf("cross-device %q: want match, plain or off", c.CrossDevice)
	}
	if (c.API == "") != (c.APIToken == "") {
		return errors.New("api and api-token go together")
	}
	if host, _, err := net.SplitHostPort(c.API); c.API != "" && (err != nil || !loopback(host)) {
		return errors.New("api: want an address on loop-back, as 127.0.0.1:8083; what is said there is not encrypted")
	}
	return c.safe()
}

// safe holds the one rule on plain http: development, on loop-back, both ways.
func (c *config) safe() error {
	public, err := url.Parse(c.URL)
	if err != nil || public.Host == "" || public.Path != "" || public.RawQuery != "" {
		return fmt.Errorf("url %q: want scheme://host[:port] and nothing more", c.URL)
	}
	if c.RequestTime < time.Second || c.RequestTime > time.Minute {
		return fmt.Errorf("request-time %s: want 1s to 1m", c.RequestTime)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("tls-cert and tls-key go together")
	}
	if err := metrics.CheckAddress(c.Metrics, c.TLSCert != ""); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("listen %q: %w", c.Listen, err)
	}
	switch {
	case c.Development && !(loopback(host) && loopback(public.Hostname())):
		return errors.New("development mode serves loop-back only: listen on 127.0.0.1 and use a url at localhost, or leave --development out")
	case c.Development:
		return nil
	case public.Scheme != "https":
		return errors.New("the url must be https; plain http is for --development on loop-back alone")
	case c.TLSCert == "" && !loopback(host):
		return errors.New("give tls-cert and tls-key, or listen on loop-back behind a proxy that ends TLS")
	}
	return nil
}

func loopback(host string) bool {
	return fetch.Loopback(host) || strings.HasSuffix(host, ".localhost")
}
