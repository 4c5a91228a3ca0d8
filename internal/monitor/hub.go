package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Handed are the anchors that a hub hands on (GET /anchors/latest). The hub is
// not believed: Verify checks each proof by what the monitor was given.
type Handed struct {
	Hub    string // its address
	Verify func(proof []byte) (Anchor, error)
	Client *http.Client
}

// NewHanded takes the address of a log or of its hub.
func NewHanded(address string, verify func([]byte) (Anchor, error)) (Handed, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return Handed{}, fmt.Errorf("anchors: %q is no http address", address)
	}
	return Handed{u.Scheme + "://" + u.Host, verify, &http.Client{Timeout: 30 * time.Second}}, nil
}

// Latest implements Anchors.
func (h Handed) Latest(ctx context.Context) (Anchor, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.Hub+"/anchors/latest", nil)
	if err != nil {
		return Anchor{}, err
	}
	response, err := h.Client.Do(request)
	if err != nil {
		return Anchor{}, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return Anchor{}, fs.ErrNotExist
	default:
		return Anchor{}, errors.New("the hub answered " + response.Status)
	}
	proof, err := io.ReadAll(io.LimitReader(response.Body, endorsement.MaxProof+1))
	if err != nil {
		return Anchor{}, err
	}
	if len(proof) > endorsement.MaxProof {
		return Anchor{}, fmt.Errorf("%w: longer than %d bytes", ErrUnproven, endorsement.MaxProof)
	}
	a, err := h.Verify(proof)
	if err != nil {
		return Anchor{}, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return a, nil
}
