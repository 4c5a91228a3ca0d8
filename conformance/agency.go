package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/conformance/report"
)

// errNotAdmitted is a run in which a case failed.
var errNotAdmitted = errors.New("not passed")

// trial is the flags of the agencies' commands.
type trial struct {
	role, url, listen, issuer, out, plan, html, junit, json string
	client, redirect                                        string
	long                                                    bool
	wait, patience                                          time.Duration
}

func newProviderCommand() *cobra.Command {
	return newTrialCommand("provider", "Try an agency that gives data, before it is admitted", "its release address")
}

func newConsumerCommand() *cobra.Command {
	return newTrialCommand("consumer", "Try an agency that asks for data, before it is admitted", "its first page")
}

func newTrialCommand(role, short, what string) *cobra.Command {
	t := trial{role: role}
	cmd := &cobra.Command{
		Use: role + " --url URL [-- COMMAND …]", Short: short,
		Long: short + ".\n\nThe tool plays the hub, the citizens and the other agency. It leaves a trust folder and the\n" +
			"agency's keys in --out, waits until the agency answers, and tries it. A command after -- is\n" +
			"started as the agency; {trust}, {identity}, {hub} and {data} in it are replaced. See docs/agencies.md.",
		RunE: t.run,
	}
	f := cmd.Flags()
	f.StringVar(&t.url, "url", "", "the agency: "+what)
	f.StringVar(&t.listen, "listen", "127.0.0.1:9180", "where the tool listens as the hub")
	f.StringVar(&t.issuer, "hub", "", "the hub as the agency calls it (default http://localhost and the port)")
	f.StringVar(&t.out, "out", filepath.Join("data", "admission"), "folder for trust, identity and reports")
	f.StringVar(&t.plan, "plan", "", "JSON file: what the tool has to know (default: that of the example agencies)")
	f.StringVar(&t.html, "html", "", "the report page (default OUT/ROLE.html)")
	f.StringVar(&t.junit, "junit", "", "JUnit XML (default OUT/ROLE.xml)")
	f.StringVar(&t.json, "report", "", "the report as JSON (default OUT/ROLE.json)")
	f.BoolVar(&t.long, "long", false, "also what has to wait ten minutes")
	f.DurationVar(&t.wait, "wait", 10*time.Minute, "how long to wait for the agency to answer")
	f.DurationVar(&t.patience, "patience", time.Minute, "how long the agency may keep a connection whose request never ends")
	if role == "consumer" {
		f.StringVar(&t.client, "client-id", "", "instead of the plan's")
		f.StringVar(&t.redirect, "redirect-uri", "", "instead of the plan's")
	}
	if err := cmd.MarkFlagRequired("url"); err != nil {
		panic(err)
	}
	return cmd
}

func (t *trial) run(cmd *cobra.Command, args []string) error {
	plan, err := t.readPlan()
	if err != nil {
		return err
	}
	b, err := admit.Open(admit.Options{Plan: plan, URL: t.url, Listen: t.listen, Issuer: t.issuer, Long: t.long, Patience: t.patience})
	if err != nil {
		return err
	}
	defer b.Close()
	if err := os.MkdirAll(t.out, 0o700); err != nil {
		return err
	}
	if err := b.WriteAgency(t.out, t.role); err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "admission-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	ctx, cancel := context.WithTimeout(cmd.Context(), t.wait)
	defer cancel()
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	if len(args) == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "start the agency now, with an empty folder of data:\n  hub       %s\n  trust     %s\n  identity  %s\n",
			b.Issuer(), filepath.Join(t.out, "trust"), filepath.Join(t.out, "identity"))
	} else {
		stop, err := t.start(cmd, b.Issuer(), data, args, ended)
		if err != nil {
			return err
		}
		defer stop()
	}
	if err := b.Wait(ctx); err != nil {
		return err
	}
	run := b.Provider
	if t.role == "consumer" {
		run = b.Consumer
	}
	r, err := run(cmd.Context())
	if err != nil {
		return err
	}
	if err := t.write(r); err != nil {
		return err
	}
	if err := show(cmd, r, func(out io.Writer) { _ = r.WriteText(out) }); err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("%w: %d of %d cases failed", errNotAdmitted, r.Count(report.Failed), len(r.Results))
	}
	return nil
}

func (t *trial) readPlan() (admit.Plan, error) {
	plan, err := admit.ExamplePlan()
	if t.plan != "" {
		var raw []byte
		if raw, err = os.ReadFile(t.plan); err == nil {
			plan, err = admit.ParsePlan(raw)
		}
	}
	if t.client != "" {
		plan.Site.ClientID = t.client
	}
	if t.redirect != "" {
		plan.Site.RedirectURI = t.redirect
	}
	return plan, err
}

// start starts the agency, and tells if it ended; stop ends it.
func (t *trial) start(cmd *cobra.Command, hub, data string, args []string, tell func(error)) (stop func(), err error) {
	fill := strings.NewReplacer("{hub}", hub, "{trust}", filepath.Join(t.out, "trust"), "{identity}", filepath.Join(t.out, "identity"), "{data}", data)
	for i := range args {
		args[i] = fill.Replace(args[i])
	}
	log, err := os.Create(filepath.Join(t.out, t.role+".log"))
	if err != nil {
		return nil, err
	}
	agency := exec.CommandContext(context.WithoutCancel(cmd.Context()), args[0], args[1:]...)
	agency.Stdout, agency.Stderr = log, log
	if err := agency.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the agency: %w", err), log.Close())
	}
	ended := make(chan struct{})
	go func() {
		_ = agency.Wait() // its state says how; nobody waits any more for one that is told to end
		tell(fmt.Errorf("it ended by itself (%v); what it said is in %s", agency.ProcessState, log.Name()))
		close(ended)
	}()
	return func() {
		_ = agency.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = agency.Process.Kill()
			<-ended
		}
		_ = log.Close()
	}, nil
}

// write leaves the report in its three forms.
func (t *trial) write(r report.Report) error {
	for _, f := range []struct {
		path, ext string
		write     func(io.Writer) error
	}{{t.html, "html", func(w io.Writer) error { return admit.WriteHTML(w, r) }}, {t.junit, "xml", r.WriteJUnit}, {t.json, "json", r.WriteJSON}} {
		if f.path == "" {
			f.path = filepath.Join(t.out, t.role+"."+f.ext)
		}
		if err := toFile(f.path, f.write); err != nil {
			return err
		}
	}
	return nil
}
