package page

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Settings are the flags of an example agency. Each may also come from the
// environment: --hub from MYDATA_LICENCE_HUB, and so on.
type Settings struct {
	Listen, URL, Hub, Identity, Trust, Data string
}

// Flags defines them on the command line's set; defaults are the demo's.
func Flags(service, folder, port string) *Settings {
	s := &Settings{}
	def := func(to *string, name, value, usage string) {
		key := "MYDATA_" + strings.ToUpper(service) + "_" + strings.ToUpper(name)
		if given, ok := os.LookupEnv(key); ok {
			value = given
		}
		flag.StringVar(to, name, value, usage+" ($"+key+")")
	}
	def(&s.Listen, "listen", "127.0.0.1:"+port, "address to listen on")
	def(&s.URL, "url", "http://localhost:"+port, "own address as browsers see it")
	def(&s.Hub, "hub", "http://localhost:8080", "the hub's issuer; must be the one of the trust folder")
	def(&s.Identity, "identity", "data/agencies/"+folder, "folder with key.pem, cert.pem and encryption.pem")
	def(&s.Trust, "trust", "data/trust", "trust `folder`, as idp trust export writes it")
	def(&s.Data, "data", "data/"+service, "folder of this service's own state")
	return s
}

// Development says whether this service runs on plain http, which is allowed on
// loop-back alone.
func (s *Settings) Development() (bool, error) {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" {
		return false, fmt.Errorf("--url %q is not a URL", s.URL)
	}
	if u.Scheme == "https" {
		return false, nil
	}
	if host := u.Hostname(); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return false, fmt.Errorf("--url %s: plain http is for this machine alone, use https", s.URL)
	}
	if host, _, err := net.SplitHostPort(s.Listen); err != nil || !net.ParseIP(host).IsLoopback() {
		return false, fmt.Errorf("--listen %s: with plain http listen on 127.0.0.1 alone", s.Listen)
	}
	return true, nil
}

// Serve answers until the process is told to stop, then lets what is under way
// finish.
func Serve(s *Settings, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listen (move it with --listen): %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second,
		WriteTimeout: 90 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 20,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}
