package service

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
)

// goodbye is how long a request under way may take after the service is told
// to stop.
const goodbye = 4 * time.Second

// Server bounds what one connection may cost, its header fields by their bytes.
func Server(handler http.Handler, maxHeader int, log *slog.Logger) *http.Server {
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

// maxSocket is how long the system lets a socket's path be, without the zero at its end.
const maxSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

// Listen names the setting to change when somebody else has the port.
func (p Program) Listen(address, setting string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: another program has this port; stop it, or choose another by --%s or %s", address, setting, p.Variable(setting))
	}
	return l, err
}

// Socket takes over the socket for commands that a killed service left behind, never
// that of a living one, and nothing that is no socket.
func Socket(path string) (net.Listener, error) {
	if len(path) > maxSocket {
		return nil, fmt.Errorf("command socket %s: the system takes %d characters at most: name a shorter path by --socket", path, maxSocket)
	}
	there, err := os.Lstat(path)
	if err == nil && there.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("command socket %s: there is something else, which stays: name another path by --socket", path)
	}
	if err == nil {
		err = takeOver(path)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("command socket %s: %w", path, err)
	}
	old := syscall.Umask(0o177) // the socket is its owner's from its first moment
	defer syscall.Umask(old)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("command socket: %w", err)
	}
	return l, nil
}

// takeOver removes a socket that nobody listens at: whoever does refuses no connection,
// though he may be too busy to take it.
func takeOver(path string) error {
	conn, err := net.DialTimeout("unix", path, time.Second) //nolint:noctx // a socket of this machine
	switch {
	case err == nil:
		return errors.Join(errors.New("a service answers there already"), conn.Close())
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("whether a service lives there cannot be told: %w", err)
	}
	return os.Remove(path)
}

// Until serves until ctx ends, then lets requests under way finish; by https where
// there is a certificate.
func Until(ctx context.Context, s *http.Server, l net.Listener, cert, key string) error {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if err := s.Shutdown(late); err != nil {
			_ = s.Close() // they had their time
		}
	})
	var err error
	if cert != "" {
		err = s.ServeTLS(l, cert, key)
	} else {
		err = s.Serve(l)
	}
	if !stop() { // Serve returns when Shutdown begins, not when it is done
		<-over
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
