package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/tlog"
)

// witnessOptions are the flags of idp witness.
type witnessOptions struct {
	listen, keyDir, name, logKeyFile, state string
	certificate, key                        string
	initOnly                                bool
}

func newWitnessCommand() *cobra.Command {
	var o witnessOptions
	c := &cobra.Command{
		Use:   "witness",
		Short: "Cosign the checkpoints of a log (C2SP tlog-witness)",
		Long: `Runs a witness: a small server that follows one log and cosigns each of its
checkpoints after proof that the log only grew. Run witnesses on machines, and
by people, that the log's operator does not control.

The key is made in --key-dir when it is missing; the verifier key is printed
first, for the log's policy. When the file with the log's verifier key does not
exist yet, the witness waits for it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWitness(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8091", "address to listen on; plain http only on loop-back")
	f.StringVar(&o.keyDir, "key-dir", "", "folder of the witness's key (required)")
	f.StringVar(&o.name, "name", "", "name in cosignatures (default localhost/ and the folder's name)")
	f.StringVar(&o.logKeyFile, "log-vkey-file", "", "file with the log's verifier key (required without --init)")
	f.StringVar(&o.state, "state", "", "file of the last cosigned checkpoint (default state in the key folder)")
	f.StringVar(&o.certificate, "tls-cert", "", "certificate chain, PEM, for https")
	f.StringVar(&o.key, "tls-key", "", "certificate's key, PEM, for https")
	f.BoolVar(&o.initOnly, "init", false, "make the key, print its verifier key, and end")
	_ = c.MarkFlagRequired("key-dir")
	return c
}

func runWitness(cmd *cobra.Command, o witnessOptions) error {
	ctx := cmd.Context()
	if o.name == "" {
		o.name = "localhost/" + filepath.Base(filepath.Clean(o.keyDir))
	}
	if o.state == "" {
		o.state = filepath.Join(o.keyDir, "state")
	}
	private, key, err := witness.Key(o.keyDir, o.name)
	if err != nil {
		return err
	}
	text := func(out io.Writer) { fmt.Fprintln(out, key) }
	if err := show(cmd, map[string]string{"vkey": key.String()}, text); err != nil || o.initOnly {
		return err
	}
	signer, err := tlog.NewCosigner(o.name, private, time.Now)
	if err != nil {
		return err
	}
	if o.logKeyFile == "" {
		return errors.New("witness: --log-vkey-file is missing")
	}
	listener, err := listenWitness(ctx, o)
	if err != nil {
		return err
	}
	defer listener.Close()
	log, err := awaitLogKey(ctx, o.logKeyFile)
	if err != nil {
		return err
	}
	w, err := witness.New(log, signer, o.state, slog.Default())
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "witness listens", "address", listener.Addr().String(), "log", log.Name, "name", o.name)
	return serveUntil(ctx, server(w, slog.Default()), listener, o.certificate, o.key)
}

// listenWitness refuses plain http to other machines.
func listenWitness(ctx context.Context, o witnessOptions) (net.Listener, error) {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("witness: --listen: %w", err)
	}
	ip := net.ParseIP(host)
	if o.certificate == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("witness: %s is not loop-back: give --tls-cert and --tls-key", o.listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("witness: cannot listen on %s, choose another address by --listen: %w", o.listen, err)
	}
	return listener, nil
}

// awaitLogKey reads the log's verifier key, waiting for its file.
func awaitLogKey(ctx context.Context, file string) (tlog.Key, error) {
	for said := false; ; said = true {
		text, err := os.ReadFile(file)
		if err == nil && len(text) > 0 {
			key, err := tlog.ParseKey(strings.TrimSpace(string(text)))
			if err != nil || key.IsWitness() {
				return tlog.Key{}, errors.Join(fmt.Errorf("%s holds no verifier key of a log", file), err)
			}
			return key, nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return tlog.Key{}, fmt.Errorf("log key: %w", err)
		}
		if !said {
			slog.InfoContext(ctx, "witness waits for the log's key", "file", file)
		}
		select {
		case <-ctx.Done():
			return tlog.Key{}, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
