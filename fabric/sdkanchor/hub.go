package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// hub is the log's publisher at its address.
type hub struct {
	url    string
	client *http.Client
}

// errNotTaken says that the hub refuses a proof, as one without trust in the ledger does.
var errNotTaken = errors.New("the hub does not take the proof")

// checkAddress holds a hub's address to https, or http on this computer.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("--hub %q: want https://host[:port] and nothing more", address)
	}
	ip := net.ParseIP(u.Hostname())
	if here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return fmt.Errorf("--hub %q: want https, or http on this computer", address)
	}
	return nil
}

func newHub(address string) hub {
	return hub{strings.TrimSuffix(address, "/"), &http.Client{
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // it sends us nowhere else
	}}
}

const maxFile = 17 << 20 // a full bundle of the longest entries

func (h hub) do(ctx context.Context, method, path string, body []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, h.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	response, err := h.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxFile))
	return response.StatusCode, answer, err
}

func (h hub) get(ctx context.Context, path string) ([]byte, error) {
	status, body, err := h.do(ctx, http.MethodGet, path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answered %d", path, status)
	}
	return body, err
}

// Tile implements tlog.Tiles.
func (h hub) Tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	return h.get(ctx, "/log/"+t.Path())
}

// take hands a proof over.
func (h hub) take(ctx context.Context, p endorsement.Proof) error {
	status, body, err := h.do(ctx, http.MethodPost, "/anchors", p.Marshal())
	switch {
	case err != nil || status == http.StatusOK || status == http.StatusCreated:
		return err
	case status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= http.StatusInternalServerError:
		return fmt.Errorf("/anchors answered %d", status)
	}
	return fmt.Errorf("%w: %d %s", errNotTaken, status, body[:min(len(body), 300)])
}
