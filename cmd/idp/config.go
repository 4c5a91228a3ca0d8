package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/govmydata/mydata/internal/service"
)

// config is what the service is told. Each field is a flag and an environment
// variable; a flag given wins. Secrets are never values, only paths.
type config struct {
	service.Settings

	Listen      string `env:"LISTEN" envDefault:"127.0.0.1:8080"`
	Issuer      string `env:"ISSUER" envDefault:"http://localhost:8080"`
	Database    string `env:"DATABASE"`
	Socket      string `env:"SOCKET"`
	Register    string `env:"REGISTER"`
	LogPolicy   string `env:"LOG_POLICY"`
	AgencyCA    string `env:"AGENCY_CA"`
	Wallet      string `env:"WALLET"`
	Sandbox     bool   `env:"SANDBOX"`
	FabricTrust string `env:"FABRIC_TRUST"`

	WalletProviders string `env:"WALLET_PROVIDERS"`

	// How long a consent is kept after its end, for its proof.
	KeepProof time.Duration `env:"KEEP_PROOF" envDefault:"43800h"`

	AnchorAge time.Duration `env:"ANCHOR_AGE" envDefault:"10m"`

	// How far back status lists of the past are given out.
	StatusHistory time.Duration `env:"STATUS_HISTORY"`

	Mail      string `env:"MAIL"`
	MailFrom  string `env:"MAIL_FROM"`
	MailLogin string `env:"MAIL_LOGIN"`
	Messages  string `env:"MESSAGES"`

	// Credential configurations that an operator allows one by one.
	Defer []string `env:"DEFER"`
	// Encrypt refuses credential requests that are not encrypted.
	Encrypt bool `env:"ENCRYPT"`
}

var program = service.Program{
	Prefix: "MYDATA_IDP_", Neighbours: []string{"VERIFIER", "INSURER", "LICENCE", "EXTRACT", "PORTAL", "WALLET", "WITNESS", "ANCHOR"}, Help: "idp serve --help",
}

// flags adds the flags with these names, all of them when none is named.
func (c *config) flags(f *pflag.FlagSet, names ...string) {
	wanted := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	text := func(p *string, name, usage string) {
		if wanted(name) {
			f.StringVar(p, name, *p, program.Usage(name, usage))
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
	text(&c.FabricTrust, "fabric-trust", "folder of trust in the Fabric channel that the log is anchored on (idp anchor trust); none by default: proofs of anchors are not taken")
	text(&c.WalletProviders, "wallet-providers", "JSON list of the wallet providers whose attestations count (docs/operations.md); none by default")
	if wanted("anchor-age") {
		f.DurationVar(&c.AnchorAge, "anchor-age", c.AnchorAge, program.Usage("anchor-age", "how long a checkpoint may wait for its anchor before readiness says so"))
	}
	if wanted("keep-proof") {
		f.DurationVar(&c.KeepProof, "keep-proof", c.KeepProof, program.Usage("keep-proof", "how long the law keeps the proof of a consent after its end; 43800h are five years"))
	}
	if wanted("status-history") {
		f.DurationVar(&c.StatusHistory, "status-history", c.StatusHistory, program.Usage("status-history", "how far back status lists of the past are given out to anybody; 0: not at all"))
	}
	text(&c.Mail, "mail", "smtps://HOST or smtp://HOST (STARTTLS) for messages to citizens; none by default")
	text(&c.MailFrom, "mail-from", "address that these messages are from")
	text(&c.MailLogin, "mail-login", "file with user:password of that server")
	text(&c.Messages, "messages", "file that messages can be written to, in development alone")
	if wanted("defer") {
		f.StringSliceVar(&c.Defer, "defer", c.Defer, program.Usage("defer", "credential configuration ids that wait for idp issuance approve"))
	}
	if wanted("encrypt") {
		f.BoolVar(&c.Encrypt, "encrypt", c.Encrypt, program.Usage("encrypt", "take encrypted credential requests alone, and encrypt the answers"))
	}
	for _, name := range []string{"database", "mail"} { // --help shows no password out of the environment
		if flag := f.Lookup(name); flag != nil {
			flag.DefValue = ""
		}
	}
	c.Settings.Flags(f, program, wanted)
	if wanted("sandbox") {
		f.BoolVar(&c.Sandbox, "sandbox", c.Sandbox,
			program.Usage("sandbox", "a hub to try, on this machine alone: synthetic citizens, agencies that register themselves, keys nobody else trusts"))
	}
	if wanted("development") {
		f.BoolVar(&c.Development, "development", c.Development,
			program.Usage("development", "plain http on loop-back, short waits, development officers"))
	}
}

// check refuses what the service could begin with, and would not do as it was meant.
func (c *config) check() error {
	switch {
	case c.KeepProof <= 0:
		return fmt.Errorf("keep-proof %s: want how long after its end a consent is kept, as 43800h", c.KeepProof)
	case c.AnchorAge <= 0:
		return fmt.Errorf("anchor-age %s: want how long an anchor may take, as 10m", c.AnchorAge)
	case c.StatusHistory < 0:
		return fmt.Errorf("status-history %s: want how far back, or 0 for not at all", c.StatusHistory)
	case c.Mail == "" && (c.MailFrom != "" || c.MailLogin != ""):
		return errors.New("mail-from and mail-login need mail, the server that they are for")
	case c.Messages != "" && !c.Development:
		return errors.New("messages: a file is for development alone")
	}
	return c.Safe("issuer", c.Issuer, c.Listen)
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

// settings binds a command's flags to a config read from the environment.
func settings(cmd *cobra.Command, names ...string) func() (config, error) {
	c, err := service.Parse[config](program) // an error waits until the command runs, so that --help always works
	c.flags(cmd.Flags(), names...)
	return func() (config, error) {
		c.paths(dataDir(cmd))
		return c, err
	}
}
