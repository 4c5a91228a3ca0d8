package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/internal/idp/sandbox"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
)

// sandboxFile marks a data folder as a sandbox's, for good.
const sandboxFile = "SANDBOX"

const sandboxText = "This is a sandbox: its citizens are made up, its agencies registered themselves, and\n" +
	"nobody else trusts its keys. A hub that is not a sandbox refuses to start here.\n"

// sandboxed keeps sandboxes and real hubs apart: each refuses the other's data
// folder, and a sandbox refuses an issuer that anybody else could reach.
func (c *config) sandboxed(data string) error {
	_, err := os.Stat(filepath.Join(data, sandboxFile))
	marked := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sandbox: %w", err)
	}
	if !c.Sandbox {
		if marked {
			return fmt.Errorf("%s is a sandbox's data: its keys are worth nothing; choose another folder, or start with --sandbox", data)
		}
		return nil
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil || !service.Loopback(issuer.Hostname()) {
		return fmt.Errorf("sandbox: the issuer %s is not on this machine: a sandbox serves loop-back alone", c.Issuer)
	}
	var own config // it would overwrite another hub's policy, and serve its residents
	own.paths(data)
	for _, f := range []struct{ flag, named, own string }{
		{"database", c.Database, own.Database}, {"register", c.Register, own.Register},
		{"log-policy", c.LogPolicy, own.LogPolicy}, {"agency-ca", c.AgencyCA, own.AgencyCA},
	} {
		if f.named != f.own {
			return fmt.Errorf("sandbox: it keeps all that is its own in its data folder: leave --%s out (%s)", f.flag, program.Variable(f.flag))
		}
	}
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("sandbox: %w", err)
	}
	if len(entries) > 0 && !marked {
		return fmt.Errorf("sandbox: %s holds something else: a sandbox begins in an empty folder", data)
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port != cmp.Or(issuer.Port(), map[string]string{"http": "80", "https": "443"}[issuer.Scheme]) {
		return fmt.Errorf("sandbox: at %s nobody reaches the issuer %s: give --listen and --issuer the same port", c.Listen, c.Issuer)
	}
	c.Development = true
	return nil
}

// startSandbox makes what a hub needs where it is missing, and runs three
// witnesses in this process. They vouch for nothing to anybody else.
func startSandbox(ctx context.Context, c config, data string, log *slog.Logger) (stop func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if err := writeFirst(filepath.Join(data, sandboxFile), []byte(sandboxText)); err != nil {
		return nil, err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	if err := keys.Generate(data, keys.Options{Issuer: c.Issuer, LogOrigin: issuer.Host + "/sandbox-log", Prefix: "SANDBOX", RS256: true}); err != nil {
		return nil, err
	}
	if _, err := keys.SandboxCA(data); err != nil {
		return nil, err
	}
	if err := writeFirst(c.Register, sandbox.Residents); err != nil {
		return nil, err
	}
	if err := migrate(ctx, c.Database); err != nil {
		return nil, err
	}
	return sandboxWitnesses(ctx, c, data, log)
}

func writeFirst(path string, text []byte) error {
	if err := durable.Create(path, text, 0o600); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// sandboxWitnesses also writes the log's policy, which names their addresses of
// today.
func sandboxWitnesses(ctx context.Context, c config, data string, log *slog.Logger) (stop func(), err error) {
	text, err := os.ReadFile(filepath.Join(data, "keys", "log.vkey"))
	if err != nil {
		return nil, err
	}
	logKey, err := tlog.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() { cancel(); running.Wait() }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	var policy bytes.Buffer
	fmt.Fprintf(&policy, "log %s %s\n", logKey, c.Issuer+"/log")
	for _, name := range []string{"witness-1", "witness-2", "witness-3"} {
		w, key, err := sandboxWitness(filepath.Join(data, name), logKey, log)
		if err != nil {
			return nil, err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		running.Go(func() {
			if err := service.Until(ctx, server(w, log), listener, "", ""); err != nil {
				log.ErrorContext(ctx, "sandbox witness", "error", err)
			}
		})
		fmt.Fprintf(&policy, "witness %s %s http://%s\n", name, key, listener.Addr())
	}
	policy.WriteString("group sandbox 2 witness-1 witness-2 witness-3\nquorum sandbox\n")
	return stop, os.WriteFile(c.LogPolicy, policy.Bytes(), 0o644) //nolint:gosec // G306: public keys
}

func sandboxWitness(folder string, log tlog.Key, logger *slog.Logger) (http.Handler, tlog.Key, error) {
	if _, err := witness.Generate(folder, "sandbox/"+filepath.Base(folder)); err != nil {
		return nil, tlog.Key{}, err
	}
	private, key, err := witness.Load(folder)
	if err != nil {
		return nil, key, err
	}
	signer, err := tlog.NewCosigner(key.Name, private, time.Now)
	if err != nil {
		return nil, key, err
	}
	w, err := witness.NewSeveral([]tlog.Log{{Key: log}}, signer, filepath.Join(folder, "state"), logger)
	return w, key, err
}

// mountSandbox adds self-registration to the public door.
func mountSandbox(e *engines, frame *web.Frame, mux *http.ServeMux) error {
	ca, err := keys.SandboxCA(e.data)
	if err != nil {
		return err
	}
	trust, err := e.trust.Trust()
	if err != nil {
		return err
	}
	claims := &nameClaims{dir: filepath.Join(e.data, "sandbox-names")}
	(&sandbox.Handler{
		Frame: frame, Roots: trust.AgencyRoots, Claim: claims.claim,
		Certify: func(key *ecdsa.PublicKey, id, name string) ([][]byte, error) {
			return ca.Issue(keys.Certificate{Key: key, Name: name, URI: id})
		},
		CertifyDocuments: func(key *ecdsa.PublicKey, issuer, name string) ([][]byte, error) {
			return e.ring.IssueCertificate(keys.Certificate{Key: key, Name: name, URI: issuer})
		},
		Hub: e.config.Issuer,
		AddClient: func(ctx context.Context, metadata json.RawMessage) error {
			_, _, err := e.registry.AddClient(ctx, metadata)
			return err
		},
		Catalogue: e.registry.Catalogue, Publish: e.publishCatalogue, Trust: e.exportTrust, Now: time.Now,
	}).Mount(mux)
	return nil
}
