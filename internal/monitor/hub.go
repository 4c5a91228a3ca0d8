package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/govmydata/mydata/pkg/audit"
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
	source, err := audit.NewHTTP(address)
	if err != nil {
		return Handed{}, fmt.Errorf("anchors: %w", err)
	}
	u, err := url.Parse(source.Prefix)
	if err != nil {
		return Handed{}, fmt.Errorf("anchors: %w", err)
	}
	return Handed{u.Scheme + "://" + u.Host, verify, source.Client}, nil
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
