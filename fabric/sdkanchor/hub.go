package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
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

func newHub(url string) hub {
	return hub{strings.TrimSuffix(url, "/"), &http.Client{
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
	if err == nil && status != http.StatusOK && status != http.StatusCreated {
		err = fmt.Errorf("the hub does not take the proof: %d %s", status, body[:min(len(body), 300)])
	}
	return err
}
