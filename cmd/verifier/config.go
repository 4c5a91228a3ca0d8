package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/verifier"
)

// config is what the service is told. Each field is a flag and an environment
// variable; a flag given wins. Secrets are never values, only paths.
type config struct {
	service.Settings

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
	Life        time.Duration `env:"REQUEST_LIFE" envDefault:"5m"`
}

var program = service.Program{
	Prefix: "MYDATA_VERIFIER_", Neighbours: []string{"IDP", "INSURER", "LICENCE", "EXTRACT", "PORTAL", "WALLET", "WITNESS", "ANCHOR"}, Help: "verifier serve --help",
}

func (c *config) flags(f *pflag.FlagSet) {
	text := func(p *string, name, usage string) {
		f.StringVar(p, name, *p, program.Usage(name, usage))
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
	c.Settings.Flags(f, program, func(string) bool { return true })
	f.DurationVar(&c.Life, "request-life", c.Life, program.Usage("request-life", "how long a wallet may take"))
	f.BoolVar(&c.Development, "development", c.Development, program.Usage("development", "plain http on loop-back"))
}

// serveConfig binds a command's flags to a config read from the environment;
// errors wait until the command runs, so that --help always works.
func serveConfig(cmd *cobra.Command) func() (config, error) {
	c, err := service.Parse[config](program)
	c.flags(cmd.Flags())
	return func() (config, error) {
		if err != nil {
			return c, err
		}
		return c, c.complete(dataDir(cmd))
	}
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
	if host, _, err := net.SplitHostPort(c.API); c.API != "" && (err != nil || !service.Loopback(host)) {
		return errors.New("api: want an address on loop-back, as 127.0.0.1:8083; what is said there is not encrypted")
	}
	return c.Safe("url", c.URL, c.Listen)
}
