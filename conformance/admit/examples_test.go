package admit_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/admit"
	"github.com/govmydata/mydata/conformance/report"
	"github.com/govmydata/mydata/conformance/stage"
)

// address is a free one of this machine.
func address(t *testing.T) string {
	t.Helper()
	free, err := stage.Address()
	if err != nil {
		t.Fatal(err)
	}
	return free
}

// run builds an example agency and starts it on what the bench left for it.
func run(t *testing.T, b *admit.Bench, name, folder, listen, site string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./examples/"+name)
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--listen", listen, "--url", site, "--hub", b.Issuer(),
		"--trust", filepath.Join(folder, "trust"), "--identity", filepath.Join(folder, "identity"), "--data", filepath.Join(folder, "data"))
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(6 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

func plan(t *testing.T) admit.Plan {
	t.Helper()
	p, err := admit.ExamplePlan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t *testing.T, o admit.Options, role string) (*admit.Bench, string) {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	b, err := admit.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	folder := t.TempDir()
	if err := b.WriteAgency(folder, role); err != nil {
		t.Fatal(err)
	}
	return b, folder
}

func wait(t *testing.T, b *admit.Bench) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := b.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

// passes says what of a report did not pass, save what needs the long form.
func passes(t *testing.T, r admit.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range r.Results {
		if each.Outcome == report.Failed {
			t.Errorf("it %s: %s", each.Name, each.Detail)
		}
	}
	if n := r.Count(report.Skipped); n > 2 {
		t.Errorf("%d cases were skipped", n)
	}
}

//clause:admission what a provider must do, from outside; each flaw told by its own case
func TestTheInsurerIsAdmitted(t *testing.T) {
	t.Parallel()
	listen := address(t)
	b, folder := open(t, admit.Options{Plan: plan(t), URL: "http://" + listen + "/release"}, "provider")
	run(t, b, "insurer", folder, listen, "http://"+listen)
	wait(t, b)
	r, err := b.Provider(t.Context())
	passes(t, r, err)
	show(t, r)
}

//clause:admission what a consumer must do, through its pages; each flaw told by its own case
func TestTheLicenceAgencyIsAdmitted(t *testing.T) {
	t.Parallel()
	listen := address(t)
	_, port, _ := net.SplitHostPort(listen)
	p, site := plan(t), "http://localhost:"+port
	p.Site.RedirectURI = site + "/callback"
	b, folder := open(t, admit.Options{Plan: p, URL: site + "/"}, "consumer")
	run(t, b, "licence", folder, listen, site)
	wait(t, b)
	r, err := b.Consumer(t.Context())
	passes(t, r, err)
	show(t, r)
}

func show(t *testing.T, r admit.Report) {
	t.Helper()
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("MYDATA_SHOW") != "" {
		t.Log(text.String())
	}
}
