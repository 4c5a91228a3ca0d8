package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed residents.csv
var residents []byte

// A stage is one data folder and what plays on it.
type stage struct {
	*services
	family
	data     string
	database string // "" means the hub's own file
	network  string // program that runs a Fabric network; "" means no anchors
	now      func() time.Time
}

func newStage(data, bin string, ports *services) *stage {
	logs := filepath.Join(data, "logs")
	return &stage{
		services: ports,
		family:   family{bin: bin, logs: logs, failed: make(chan *child, len(ports.all()))},
		data:     data,
		now:      time.Now,
	}
}

func (s *stage) path(parts ...string) string {
	return filepath.Join(append([]string{s.data}, parts...)...)
}

// play makes what is missing, starts everybody, and returns when the context
// ends or somebody falls.
func (s *stage) play(ctx context.Context, out io.Writer) (err error) {
	defer func() { err = errors.Join(err, s.stop()) }()
	began := s.now()
	for _, step := range []func(context.Context) error{s.prepare, s.startLedger, s.startHub, s.introduce, s.startAnchorer, s.startAgencies} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := s.guide(ctx, out, s.now().Sub(began)); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nstopping")
		return nil
	case c := <-s.failed:
		return c.explain("stopped by itself")
	}
}

// prepare does what an operator, the government CA and the agencies' offices do
// before a hub first runs.
func (s *stage) prepare(ctx context.Context) error {
	if err := os.MkdirAll(s.logs, 0o700); err != nil {
		return err
	}
	if err := s.idpCommand(ctx, "keygen", "--issuer", s.idp.url(), "--verifier-url", s.verifier.url(),
		"--documents", "agencies/"+townHall+"="+s.documents()); err != nil {
		return err
	}
	if err := s.idpCommand(ctx, "migrate", "--database", s.database); err != nil {
		return err
	}
	policy, err := s.logPolicy(ctx)
	if err != nil {
		return err
	}
	if err := writeFile(s.path("log-policy.txt"), policy, 0o644); err != nil {
		return err
	}
	if err := writeFile(s.path("trust-policy.json"), s.trustPolicy(), 0o644); err != nil {
		return err
	}
	if err := writeOnce(s.path("residents.csv"), residents, 0o600); err != nil {
		return err
	}
	return s.prepareAgencies()
}

// logPolicy names the log and its witnesses (C2SP tlog-policy). Two of the
// three have to cosign.
func (s *stage) logPolicy(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	logKey, err := os.ReadFile(s.path("keys", "log.vkey"))
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "log %s %s\n", strings.TrimSpace(string(logKey)), s.idp.url()+"/log")
	names := make([]string, len(s.witnesses))
	for i, w := range s.witnesses {
		text, err := s.command(ctx, "witness", "keygen", "--json", "--data", s.path(w.name))
		if err != nil {
			return nil, err
		}
		var made struct {
			VKey string `json:"vkey"`
		}
		if err := json.Unmarshal(text, &made); err != nil {
			return nil, fmt.Errorf("idp witness keygen: %w", err)
		}
		names[i] = w.name
		fmt.Fprintf(&b, "witness %s %s %s\n", w.name, made.VKey, w.url())
	}
	fmt.Fprintf(&b, "group demo 2 %s\nquorum demo\n", strings.Join(names, " "))
	return b.Bytes(), nil
}

func (s *stage) startHub(ctx context.Context) error {
	for _, w := range s.witnesses {
		if _, err := s.start(w, "idp", "witness", "serve", "--data", s.path(w.name), "--listen", w.addr(), "--log-policy", s.path("log-policy.txt")); err != nil {
			return err
		}
	}
	idp, err := s.start(s.idp, "idp", append([]string{"serve", "--data", s.data, "--database", s.database, "--development", "--listen", s.idp.addr(), "--issuer", s.idp.url(),
		"--register", s.path("residents.csv"), "--log-policy", s.path("log-policy.txt"), "--agency-ca", s.path("agencies", "ca.pem"), "--wallet", s.wallet.url()},
		s.hubTrust()...)...)
	if err != nil {
		return err
	}
	for _, c := range s.children {
		if c.port == 0 {
			continue // it has no door of that kind
		}
		path := "/healthz"
		if c == idp {
			path = "/readyz"
		}
		if err := c.healthy(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// introduce tells the hub, once per change, what it cannot know by itself: the
// catalogue and the clients.
func (s *stage) introduce(ctx context.Context) error {
	if err := s.changed(s.path("catalogue.json"), func(path string) error {
		return s.idpCommand(ctx, "catalogue", "publish", "--file", path)
	}); err != nil {
		return err
	}
	clients, err := filepath.Glob(s.path("clients", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range clients {
		if err := s.changed(file, func(path string) error {
			if err := s.idpCommand(ctx, "client", "add", "--metadata", path); err != nil {
				return fmt.Errorf("%w\na client's address stays as it was told first: run the story of %s on its ports of then, or give --data another folder", err, s.data)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return s.idpCommand(ctx, "trust", "export", s.path("trust"))
}

// changed calls tell when the file is not the one told last time.
func (s *stage) changed(path string, tell func(string) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	told := s.path("told", strings.ReplaceAll(filepath.Base(path), ".json", ".sha256"))
	if last, err := os.ReadFile(told); err == nil && string(last) == hex.EncodeToString(sum[:]) {
		return nil
	}
	if err := tell(path); err != nil {
		return err
	}
	return writeFile(told, []byte(hex.EncodeToString(sum[:])), 0o600)
}

func (s *stage) startAgencies(ctx context.Context) error {
	type call struct {
		service
		args []string
	}
	agency := func(x service, office string, more ...string) call {
		return call{x, append([]string{"--listen", x.addr(), "--url", x.url(), "--hub", s.idp.url(), "--identity", s.path("agencies", office), "--trust", s.path("trust"), "--data", s.path(x.name)}, more...)}
	}
	var started []*child
	for _, c := range []call{
		{s.verifier, []string{"serve", "--data", s.data, "--development", "--listen", s.verifier.addr(), "--url", s.verifier.url(), "--trust", s.path("trust"),
			"--trust-policy", s.path("trust-policy.json"), "--wallet", s.wallet.url(), "--hub", s.idp.url()}},
		agency(s.insurer, "health-insurance"),
		agency(s.licence, "driving-licence"),
		agency(s.extract, townHall, "--wallet", s.wallet.url()),
		agency(s.portal, "housing-benefit"),
		{s.wallet, []string{"--listen", s.wallet.addr(), "--url", s.wallet.url(), "--hub", s.idp.url(), "--trust", s.path("trust"), "--data", s.path("wallet")}},
	} {
		child, err := s.start(c.service, c.name, c.args...)
		if err != nil {
			return err
		}
		started = append(started, child)
	}
	for _, c := range started {
		if err := c.healthy(ctx, "/healthz"); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) idpCommand(ctx context.Context, args ...string) error {
	_, err := s.command(ctx, append(args, "--data", s.data)...)
	return err
}

// command runs one of the hub's commands to its end and gives what it printed.
func (s *stage) command(ctx context.Context, args ...string) ([]byte, error) {
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "idp"), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), &out, &complaint
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("idp %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

func writeOnce(path string, text []byte, mode fs.FileMode) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return writeFile(path, text, mode)
}

func writeJSON(path string, v any, mode fs.FileMode) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(text, '\n'), mode)
}
