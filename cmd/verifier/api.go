package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/govmydata/mydata/internal/service"
	"github.com/govmydata/mydata/internal/verifier"
)

// minToken is how long the token of relying parties has to be.
const minToken = 32

// serveAPI serves relying parties of this machine, when an address is given.
func serveAPI(ctx context.Context, group *errgroup.Group, c config, v *verifier.Server, log *slog.Logger) error {
	if c.API == "" {
		return nil
	}
	token, err := readText(c.APIToken, true)
	if err != nil {
		return fmt.Errorf("api-token: %w", err)
	}
	if len(token) < minToken {
		return fmt.Errorf("api-token: %s holds less than %d characters", c.APIToken, minToken)
	}
	l, err := program.Listen(c.API, "api")
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "relying parties are served", "listen", l.Addr().String())
	group.Go(func() error { return service.Until(ctx, service.Server(v.API(token), maxHeader, log), l, "", "") })
	return nil
}

// readText reads a small file of one line; none for no path. A secret may be
// readable by its owner alone.
func readText(path string, secret bool) (string, error) {
	if path == "" {
		return "", nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if secret && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s: others may read it; chmod 600", path)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(body)), nil
}
