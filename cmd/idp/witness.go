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
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/witness"
	"github.com/govmydata/mydata/pkg/fetch"
	"github.com/govmydata/mydata/pkg/tlog"
)

func newWitnessCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "witness",
		Short: "Cosign the checkpoints of a log (C2SP tlog-witness)",
		Long: `A witness is a small server that follows the logs of a policy and cosigns each
of their checkpoints after proof that the log only grew. Run witnesses on machines, and
by people, that the log's operator does not control.

A witness's folder, given by --data, holds its key (witness.key), its verifier
key for the log's policy (witness.vkey), and the checkpoint it last cosigned
(state; of further logs beside it). Never copy an old state back: a witness that forgets can be made to
vouch for two logs.`,
	}
	c.AddCommand(newWitnessKeygenCommand(), newWitnessServeCommand())
	return c
}

func newWitnessKeygenCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "keygen",
		Short: "Make the witness's key where it is missing, and print its verifier key (offline)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := witness.Generate(dataDir(c), witnessName(name, dataDir(c)))
			if err != nil {
				return err
			}
			return show(c, map[string]string{"vkey": key.String()}, func(w io.Writer) { fmt.Fprintln(w, key) })
		},
	}
	c.Flags().StringVar(&name, "name", "", "name in cosignatures, for example witness.example/1 (default localhost/ and the folder's name)")
	return c
}

func witnessName(name, folder string) string {
	if name != "" {
		return name
	}
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	return "localhost/" + filepath.Base(folder)
}

// witnessOptions are the flags of idp witness serve.
type witnessOptions struct {
	listen, policy, state, cert, key string
}

func newWitnessServeCommand() *cobra.Command {
	var o witnessOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the witness",
		Long: `Runs the witness. A missing key is made first. The logs' keys are read from
the policy; when that file is not there yet, the witness waits for it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWitness(c, o) },
	}
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8091", "address to listen on; plain http on loop-back alone")
	f.StringVar(&o.policy, "log-policy", "", "C2SP tlog-policy that names the log, or several (required)")
	f.StringVar(&o.state, "state", "", "file of the last cosigned checkpoint (default state in the witness's folder)")
	f.StringVar(&o.cert, "tls-cert", "", "PEM certificate chain to serve https with")
	f.StringVar(&o.key, "tls-key", "", "PEM key of that certificate")
	_ = c.MarkFlagRequired("log-policy")
	return c
}

func runWitness(cmd *cobra.Command, o witnessOptions) error {
	ctx, folder := cmd.Context(), dataDir(cmd)
	if o.state == "" {
		o.state = filepath.Join(folder, "state")
	}
	if _, err := witness.Generate(folder, witnessName("", folder)); err != nil {
		return err
	}
	private, key, err := witness.Load(folder)
	if err != nil {
		return err
	}
	lock, err := witness.Lock(o.state)
	if err != nil {
		return err
	}
	defer lock.Close()
	signer, err := tlog.NewCosigner(key.Name, private, time.Now)
	if err != nil {
		return err
	}
	listener, err := listenWitness(ctx, o)
	if err != nil {
		return err
	}
	defer listener.Close()
	logs, err := awaitLogs(ctx, o.policy)
	if ctx.Err() != nil {
		return nil // told to stop while waiting
	}
	if err != nil {
		return err
	}
	w, err := witness.NewSeveral(logs, signer, o.state, slog.Default())
	if err != nil {
		return err
	}
	for _, log := range logs {
		slog.InfoContext(ctx, "witness listens", "address", listener.Addr().String(), "log", log.Key.Name, "name", key.Name)
	}
	return service.Until(ctx, server(w, slog.Default()), listener, o.cert, o.key)
}

// listenWitness refuses plain http to other machines.
func listenWitness(ctx context.Context, o witnessOptions) (net.Listener, error) {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return nil, fmt.Errorf("witness: --listen: %w", err)
	}
	if err := service.Certificate(o.cert, o.key); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if o.cert == "" && !fetch.Loopback(host) {
		return nil, fmt.Errorf("witness: %s is not loop-back: give --tls-cert and --tls-key", o.listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("witness: cannot listen on %s, choose another address by --listen: %w", o.listen, err)
	}
	return listener, nil
}

// awaitLogs reads the logs' keys from the policy, waiting for the file.
func awaitLogs(ctx context.Context, file string) ([]tlog.Log, error) {
	for said := false; ; said = true {
		text, err := os.ReadFile(file)
		if err == nil {
			policy, err := tlog.ParsePolicy(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			return policy.Logs, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("log policy: %w", err)
		}
		if !said {
			slog.InfoContext(ctx, "witness waits for the log's policy", "file", file)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
