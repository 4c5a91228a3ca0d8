package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/govmydata/mydata/internal/trail"
)

// Client asks the running service through its socket. It is what the commands
// are made of.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient for the socket at that path.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &Client{socket, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial}}}
}

// Refusal is the service's no, with what the operator must know.
type Refusal struct {
	Status        int
	Code          string `json:"code"`
	Cause         string `json:"cause"`
	CorrelationID string `json:"correlation_id"`
}

func (r *Refusal) Error() string {
	cause := r.Cause
	if cause == "" {
		cause = r.Code
	}
	return fmt.Sprintf("%s (correlation id %s)", cause, r.CorrelationID)
}

const maxAnswer = 16 << 20

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://idp"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("no service answers at %s (is `idp serve` running, with the same data folder?): %w", c.socket, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		refusal := &Refusal{Status: res.StatusCode, Code: res.Status}
		_ = json.Unmarshal(text, refusal)
		return refusal
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// Enrol orders an enrolment.
func (c *Client) Enrol(ctx context.Context, in EnrolRequest) (out Enrolment, err error) {
	err = c.call(ctx, http.MethodPost, "/enrol", in, &out)
	return out, err
}

// Offer makes a credential offer.
func (c *Client) Offer(ctx context.Context, in OfferRequest) (out Offer, err error) {
	err = c.call(ctx, http.MethodPost, "/offer", in, &out)
	return out, err
}

// AddClient registers a client.
func (c *Client) AddClient(ctx context.Context, metadata json.RawMessage) (out Registered, err error) {
	err = c.call(ctx, http.MethodPost, "/client", map[string]json.RawMessage{"metadata": metadata}, &out)
	return out, err
}

// Initial makes an initial access token.
func (c *Client) Initial(ctx context.Context, in InitialRequest) (out InitialToken, err error) {
	err = c.call(ctx, http.MethodPost, "/client/token", in, &out)
	return out, err
}

// Trust fetches the files of the trust folder.
func (c *Client) Trust(ctx context.Context) (map[string][]byte, error) {
	var out struct {
		Files map[string][]byte `json:"files"`
	}
	err := c.call(ctx, http.MethodGet, "/trust", nil, &out)
	return out.Files, err
}

// Residents lists the register with who is enrolled.
func (c *Client) Residents(ctx context.Context) ([]ResidentStatus, error) {
	var out struct {
		Residents []ResidentStatus `json:"residents"`
	}
	err := c.call(ctx, http.MethodGet, "/residents", nil, &out)
	return out.Residents, err
}

// Trail lists the newest acts since then, oldest first.
func (c *Client) Trail(ctx context.Context, since time.Time, limit int) ([]trail.Act, error) {
	var out struct {
		Acts []trail.Act `json:"acts"`
	}
	query := url.Values{"since": {since.UTC().Format(time.RFC3339)}, "limit": {strconv.Itoa(limit)}}
	err := c.call(ctx, http.MethodGet, "/trail?"+query.Encode(), nil, &out)
	return out.Acts, err
}

// Invalidate ends a grant for a reason of the list.
func (c *Client) Invalidate(ctx context.Context, in InvalidateRequest) (out Invalidated, err error) {
	err = c.call(ctx, http.MethodPost, "/consent/invalidate", in, &out)
	return out, err
}
