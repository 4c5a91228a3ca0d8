package wallet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	maxAnswer = 512 << 10
	patience  = 20 * time.Second
)

// allowed checks an address before anything is sent to it: links come from
// strangers.
func (w *Wallet) allowed(what, address string) error {
	if _, err := fetch.Check(address, w.config.Development); err != nil {
		return refuse("address", "%s: %v", what, err)
	}
	return nil
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) contentType() string {
	media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	return media
}

// send makes one request; what is the endpoint's name for errors.
func (w *Wallet) send(ctx context.Context, what, method, address string, header http.Header, body []byte) (reply, error) {
	if err := w.allowed(what, address); err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, refuse("address", "%s is not a web address", what)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := w.http.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("reach %s: %w", what, err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("read answer of %s: %w", what, err)
	}
	if len(read) > maxAnswer {
		return reply{}, refuse("size", "the answer of %s is longer than %d bytes", what, maxAnswer)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: read}, nil
}

// getJSON fetches one document.
func (w *Wallet) getJSON(ctx context.Context, what, address string) ([]byte, error) {
	r, err := w.send(ctx, what, http.MethodGet, address, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, r.refused(what)
	}
	if r.contentType() != "application/json" {
		return nil, refuse("content type", "%s is not application/json", what)
	}
	return r.body, nil
}

// refused reads the error that OAuth, OpenID4VCI and our problem documents share.
func (r reply) refused(what string) *Answer {
	a := &Answer{Endpoint: what, Status: r.status}
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Code        string `json:"code"`
		Cause       string `json:"cause"`
	}
	if strings.Contains(r.contentType(), "json") && json.Unmarshal(r.body, &body) == nil {
		a.Code, a.Description = body.Error, body.Description
		if a.Code == "" {
			a.Code, a.Description = body.Code, body.Cause
		}
	}
	return a
}

// decode reads a JSON object of a server.
func decode(what string, body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return refuse("json", "the answer of %s cannot be read: %v", what, err)
	}
	return nil
}
