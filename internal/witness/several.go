package witness

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Several is a witness of several logs, each told by its origin.
type Several struct {
	logs   map[string]*Witness
	logger *slog.Logger
}

// NewSeveral makes a witness of these logs; keys of one name are keys of one
// log. The states are files beside the one that is named.
func NewSeveral(logs []tlog.Log, signer tlog.Signer, stateFile string, logger *slog.Logger) (*Several, error) {
	byOrigin := map[string][]tlog.Log{}
	for _, log := range logs {
		byOrigin[log.Key.Name] = append(byOrigin[log.Key.Name], log)
	}
	if len(byOrigin) == 0 {
		return nil, errors.New("witness: no log to follow")
	}
	s := &Several{logs: map[string]*Witness{}, logger: logger}
	for origin, its := range byOrigin {
		file, err := stateOf(stateFile, origin, len(byOrigin) == 1)
		if err != nil {
			return nil, err
		}
		if s.logs[origin], err = newWitness(its, signer, file, logger); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// stateOf is the file of a log's state: the one that is named, for the log whose
// state is in it or for an only log, else one with the origin's digest. Which
// logs a witness follows may change; what it has cosigned stays known.
func stateOf(named, origin string, alone bool) (string, error) {
	own := fmt.Sprintf("%s-%x", named, sha256.Sum256([]byte(origin)))[:len(named)+17]
	_, err := os.Stat(own)
	hasOwn := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("witness state: %w", err)
	}
	text, err := os.ReadFile(named)
	if errors.Is(err, os.ErrNotExist) {
		if alone && !hasOwn {
			return named, nil
		}
		return own, nil
	}
	if err != nil {
		return "", fmt.Errorf("witness state: %w", err)
	}
	c, err := tlog.Peek(text) // opened by the policy when it is used
	switch {
	case err != nil:
		return "", fmt.Errorf("witness state %s: %w", named, err)
	case c.Origin != origin:
		return own, nil
	case hasOwn:
		return "", fmt.Errorf("witness state: both %s and %s are of %s: a person must look", named, own, origin)
	}
	return named, nil
}

// ServeHTTP answers POST /add-checkpoint and GET /healthz.
func (s *Several) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	serve(rw, r, s.Cosign, s.logger)
}

// Cosign has the witness of the checkpoint's origin cosign it.
func (s *Several) Cosign(ctx context.Context, body []byte) ([]byte, error) {
	request, err := tlog.ParseAddCheckpoint(body)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	claimed, err := tlog.Peek(request.Checkpoint)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	w, known := s.logs[claimed.Origin]
	if !known {
		return nil, &refusal{http.StatusNotFound, "this witness does not follow this log"}
	}
	return w.Cosign(ctx, body)
}
