package anchor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

var (
	// ErrLog says that the hub's log could not be read, or is not what its
	// checkpoint says. It may be another time.
	ErrLog = errors.New("the log cannot be read")
	// ErrHub says that the hub did not answer, or not now.
	ErrHub = errors.New("the hub is out of reach")
	// ErrNotTaken says that the hub refuses a proof.
	ErrNotTaken = errors.New("the hub does not take the proof")
)

// Hub is the log's publisher, of whom nothing is believed. Newest answers
// ErrNotFound when the hub has no proof. Take is nil when the hub has the proof;
// ErrNotTaken: it refuses this one; anything else: try again.
type Hub interface {
	Checkpoint(ctx context.Context) ([]byte, error)
	tlog.Tiles
	Newest(ctx context.Context) (endorsement.Proof, error)
	Take(ctx context.Context, p endorsement.Proof) error
}

// HTTPHub is a hub at its address.
type HTTPHub struct {
	audit.HTTP
	url string
}

// NewHTTPHub takes the address of a hub: https, or http on loop-back.
func NewHTTPHub(address string) (*HTTPHub, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("hub %q: want scheme://host[:port] and nothing more", address)
	}
	u.Path = ""
	source, err := audit.NewHTTP(u.String())
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	source.Client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &HTTPHub{source, u.String()}, nil
}

// Newest implements Hub.
func (h *HTTPHub) Newest(ctx context.Context) (endorsement.Proof, error) {
	status, body, err := h.do(ctx, http.MethodGet, "/anchors/latest", nil)
	switch {
	case err != nil:
		return endorsement.Proof{}, err
	case status == http.StatusNotFound:
		return endorsement.Proof{}, ErrNotFound
	case status != http.StatusOK:
		return endorsement.Proof{}, fmt.Errorf("%w: /anchors/latest answered %d", ErrHub, status)
	}
	return endorsement.ParseProof(body)
}

// Take implements Hub.
func (h *HTTPHub) Take(ctx context.Context, p endorsement.Proof) error {
	status, body, err := h.do(ctx, http.MethodPost, "/anchors", p.Marshal())
	switch {
	case err != nil:
		return err
	case status == http.StatusOK || status == http.StatusCreated:
		return nil
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= http.StatusInternalServerError:
		return fmt.Errorf("%w: /anchors answered %d", ErrHub, status)
	}
	return fmt.Errorf("%w: %d %s", ErrNotTaken, status, reason(body))
}

// reason is why a hub refuses, without what is another each time: the same refusal is the
// same words, which are told once.
func reason(body []byte) string {
	var problem struct{ Code, Cause string }
	if json.Unmarshal(body, &problem) == nil && problem.Code != "" {
		body = []byte(problem.Code + ": " + problem.Cause)
	}
	return string(bytes.TrimSpace(body[:min(len(body), 512)]))
}

func (h *HTTPHub) do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := h.Client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrHub, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, endorsement.MaxProof+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrHub, err)
	}
	return response.StatusCode, answer, nil
}
