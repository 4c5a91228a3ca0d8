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
	"github.com/govmydata/mydata/pkg/fetch"
)

// config is what the service is told. Each field is a flag and an environment
// variable; a flag given wins. Secrets are never values, only paths.
type config struct {
	Listen      string `env:"LISTEN" envDefault:"127.0.0.1:8080"`
	Issuer      string `env:"ISSUER" envDefault:"http://localhost:8080"`
	Database    string `env:"DATABASE"`
	Socket      string `env:"SOCKET"`
	Register    string `env:"REGISTER"`
	LogPolicy   string `env:"LOG_POLICY"`
	AgencyCA    string `env:"AGENCY_CA"`
	Wallet      string `env:"WALLET"`
	Zone        string `env:"TIME_ZONE" envDefault:"Asia/Seoul"`
	TLSCert     string `env:"TLS_CERT"`
	TLSKey      string `env:"TLS_KEY"`
	Metrics     string `env:"METRICS"`
	Traces      string `env:"TRACES"`
	Development bool   `env:"DEVELOPMENT"`
	Sandbox     bool   `env:"SANDBOX"`
	FabricTrust string `env:"FABRIC_TRUST"`

	WalletProviders string `env:"WALLET_PROVIDERS"`

	// How long a consent is kept after its end, for its proof.
	KeepProof time.Duration `env:"KEEP_PROOF" envDefault:"43800h"`

	AnchorAge time.Duration `env:"ANCHOR_AGE" envDefault:"10m"`

	// How far back status lists of the past are given out.
	StatusHistory time.Duration `env:"STATUS_HISTORY"`

	Proxies          string        `env:"PROXIES"`
	TrustedAddresses string        `env:"TRUSTED_ADDRESSES"`
	TrustedFactor    int           `env:"TRUSTED_FACTOR" envDefault:"10"`
	Rate             int           `env:"RATE"`
	Connections      int           `env:"CONNECTIONS"`
	RequestTime      time.Duration `env:"REQUEST_TIME" envDefault:"10s"`

	Mail      string `env:"MAIL"`
	MailFrom  string `env:"MAIL_FROM"`
	MailLogin string `env:"MAIL_LOGIN"`
	Messages  string `env:"MESSAGES"`

	// Credential configurations that an operator allows one by one.
	Defer []string `env:"DEFER"`
	// Encrypt refuses credential requests that are not encrypted.
	Encrypt bool `env:"ENCRYPT"`
}

const envPrefix = "MYDATA_IDP_"

// neighbours are the prefixes of the other programs, which may share an
// environment file with this one.
var neighbours = []string{"VERIFIER", "INSURER", "LICENCE", "WALLET", "WITNESS", "ANCHOR"}

// flags adds the flags with these names, all of them when none is named.
func (c *config) flags(f *pflag.FlagSet, names ...string) {
	wanted := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	text := func(p *string, name, usage string) {
		if wanted(name) {
			f.StringVar(p, name, *p, usage+" ("+variable(name)+")")
		}
	}
	text(&c.Listen, "listen", "address to listen on")
	text(&c.Issuer, "issuer", "the hub's public URL, which is its issuer identifier")
	text(&c.Database, "database", "sqlite:PATH, or postgres://… for PostgreSQL and CockroachDB; default DATA/idp.db")
	text(&c.Socket, "socket", "unix socket for the commands; default DATA/idp.sock")
	text(&c.Register, "register", "CSV register of residents; default DATA/residents.csv")
	text(&c.LogPolicy, "log-policy", "C2SP tlog-policy naming the log's witnesses; default DATA/log-policy.txt")
	text(&c.AgencyCA, "agency-ca", "PEM roots of the government CA of the agencies; default DATA/agencies/ca.pem")
	text(&c.Wallet, "wallet", "URL of a demo wallet page to link to; none by default")
	text(&c.Zone, "time-zone", "zone in which pages show times")
	text(&c.TLSCert, "tls-cert", "PEM certificate chain to serve https with")
	text(&c.TLSKey, "tls-key", "PEM key of that certificate")
	text(&c.Metrics, "metrics", "address of its own for Prometheus: loop-back, or a named address by https; none by default")
	text(&c.Traces, "traces", "OTLP/HTTP collector to send traces to; none by default, OTEL_EXPORTER_OTLP_ENDPOINT names one too")
	text(&c.FabricTrust, "fabric-trust", "folder of trust in the Fabric channel that the log is anchored on (idp anchor trust); none by default: proofs of anchors are not taken")
	text(&c.WalletProviders, "wallet-providers", "JSON list of the wallet providers whose attestations count (docs/operations.md); none by default")
	if wanted("anchor-age") {
		f.DurationVar(&c.AnchorAge, "anchor-age", c.AnchorAge, "how long a checkpoint may wait for its anchor before readiness says so ("+variable("anchor-age")+")")
	}
	if wanted("keep-proof") {
		f.DurationVar(&c.KeepProof, "keep-proof", c.KeepProof, "how long the law keeps the proof of a consent after its end; 43800h are five years ("+variable("keep-proof")+")")
	}
	if wanted("status-history") {
		f.DurationVar(&c.StatusHistory, "status-history", c.StatusHistory, "how far back status lists of the past are given out to anybody; 0: not at all ("+variable("status-history")+")")
	}
	text(&c.Mail, "mail", "smtps://HOST or smtp://HOST (STARTTLS) for messages to citizens; none by default")
	text(&c.MailFrom, "mail-from", "address that these messages are from")
	text(&c.MailLogin, "mail-login", "file with user:password of that server")
	text(&c.Messages, "messages", "file that messages can be written to, in development alone")
	if wanted("defer") {
		f.StringSliceVar(&c.Defer, "defer", c.Defer, "credential configuration ids that wait for idp issuance approve ("+variable("defer")+")")
	}
	if wanted("encrypt") {
		f.BoolVar(&c.Encrypt, "encrypt", c.Encrypt, "take encrypted credential requests alone, and encrypt the answers ("+variable("encrypt")+")")
	}
	c.limitFlags(f, wanted, text)
	if wanted("sandbox") {
		f.BoolVar(&c.Sandbox, "sandbox", c.Sandbox,
			"a hub to try, on this machine alone: synthetic citizens, agencies that register themselves, keys nobody else trusts ("+variable("sandbox")+")")
	}
	if wanted("development") {
		f.BoolVar(&c.Development, "development", c.Development,
			"plain http on loop-back, short waits, development officers ("+variable("development")+")")
	}
}

// limitFlags are about how much is served to whom.
func (c *config) limitFlags(f *pflag.FlagSet, wanted func(string) bool, text func(*string, string, string)) {
	text(&c.Proxies, "proxies", "addresses or networks of our own proxies, whose X-Forwarded-For is believed; none by default")
	text(&c.TrustedAddresses, "trusted-addresses", "addresses or networks whose limits are raised, save those on codes and login")
	number := func(p *int, name, usage string) {
		if wanted(name) {
			f.IntVar(p, name, *p, usage+" ("+variable(name)+")")
		}
	}
	number(&c.TrustedFactor, "trusted-factor", "how many times more a trusted address may ask")
	number(&c.Rate, "rate", "requests a second of one address; 0: 50, in development 1000")
	number(&c.Connections, "connections", "connections of one address; 0: 256, in development 1024")
	if wanted("request-time") {
		f.DurationVar(&c.RequestTime, "request-time", c.RequestTime, "how long a request may take with all that is done for it ("+variable("request-time")+")")
	}
}

func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// parseEnv fills the defaults from the environment; errors are kept until the
// command runs, so that --help always works.
func parseEnv() (config, error) {
	c, err := env.ParseAsWithOptions[config](env.Options{Prefix: envPrefix})
	if err != nil {
		return c, fmt.Errorf("environment: %w", err)
	}
	return c, unknownVariables(os.Environ())
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
		return fmt.Errorf("environment: %s is not a setting of this service; see idp serve --help", name)
	}
	return nil
}

// paths gives what was not named its place in the data folder.
func (c *config) paths(data string) {
	def := func(p *string, parts ...string) {
		if *p == "" {
			*p = filepath.Join(append([]string{data}, parts...)...)
		}
	}
	if c.Database == "" {
		c.Database = "sqlite:" + filepath.Join(data, "idp.db")
	}
	def(&c.Socket, "idp.sock")
	def(&c.Register, "residents.csv")
	def(&c.LogPolicy, "log-policy.txt")
	def(&c.AgencyCA, "agencies", "ca.pem")
}

// safe holds the one rule on plain http: development, on loop-back, both ways.
func (c *config) safe() error {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" || issuer.Path != "" || issuer.RawQuery != "" {
		return fmt.Errorf("issuer %q: want scheme://host[:port] and nothing more", c.Issuer)
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
	case c.Development && !(loopback(host) && loopback(issuer.Hostname())):
		return errors.New("development mode serves loop-back only: listen on 127.0.0.1 and use an issuer at localhost, or leave --development out")
	case c.Development:
		return nil
	case issuer.Scheme != "https":
		return errors.New("the issuer must be https; plain http is for --development on loop-back alone")
	case c.TLSCert == "" && !loopback(host):
		return errors.New("give tls-cert and tls-key, or listen on loop-back behind a proxy that ends TLS")
	}
	return nil
}

func loopback(host string) bool {
	return fetch.Loopback(host) || strings.HasSuffix(host, ".localhost")
}

// settings binds a command's flags to a config read from the environment.
func settings(cmd *cobra.Command, names ...string) func() (config, error) {
	c, err := parseEnv()
	c.flags(cmd.Flags(), names...)
	return func() (config, error) {
		c.paths(dataDir(cmd))
		return c, err
	}
}
