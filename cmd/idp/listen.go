package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/govmydata/mydata/internal/limit"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/pkg/dpop"
)

// goodbye is how long a request under way may take after the service is told
// to stop.
const goodbye = 4 * time.Second

// maxHeader is the longest access token with the longest proof of its key, and 4 KiB
// for all else: what may be presented must arrive.
const maxHeader = oauth.MaxToken + dpop.MaxProof + 4<<10

// server bounds what one connection may cost.
func server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           limit.Fields(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// listenTCP names the setting to change when somebody else has the port.
func listenTCP(address, setting string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: another program has this port; stop it, or choose another by --%s or %s", address, setting, variable(setting))
	}
	return l, err
}

// listenUnix takes over the socket that a killed service left behind; a living
// one is stopped before by the database's hold.
func listenUnix(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	old := syscall.Umask(0o177) // the socket is its owner's from its first moment
	defer syscall.Umask(old)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	return l, nil
}

// serveUntil serves until ctx ends, then lets requests under way finish.
func serveUntil(ctx context.Context, s *http.Server, l net.Listener, cert, key string) error {
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if err := s.Shutdown(late); err != nil {
			_ = s.Close() // they had their time
		}
	})
	defer stop()
	var err error
	if cert != "" {
		err = s.ServeTLS(l, cert, key)
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
