package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
)

// BodyLimit is for the operator's frame: a country's catalogue, as JSON in JSON.
const BodyLimit = 33 << 20

// Catalogue is the registry's part in which officers decide.
type Catalogue interface {
	CatalogueJWS() string
	Propose(ctx context.Context, raw []byte, signature string) (registry.Proposal, error)
	Proposal(ctx context.Context, id string) (registry.Proposal, error)
	ListProposals(ctx context.Context) ([]registry.Proposal, error)
	Decide(ctx context.Context, id, signature string) (registry.Proposal, error)
	PublishProposal(ctx context.Context, id string) (int64, error)
}

// Published is a catalogue that came in force; By says who signed, in words for
// the terminal.
type Published struct {
	Version int64  `json:"version"`
	By      string `json:"by"`
}

// ByDemo is Published.By where the service signed for both officers.
const ByDemo = "both development officers' keys, which this service holds"

// large decodes a body that may be a catalogue.
func large(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	return nil
}

// catalogue publishes in one step, with both officers' keys of development.
func (h *Handler) catalogue(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Catalogue json.RawMessage `json:"catalogue"`
	}
	if err := large(r, &in); err != nil {
		return nil, err
	}
	var version int64
	err := h.do(r, "catalogue", trail.Target{Kind: trail.Catalogue}, func() (_ trail.Target, err error) {
		if h.PublishCatalogue == nil {
			return trail.Target{}, errFourEyes
		}
		if version, err = h.PublishCatalogue(r.Context(), in.Catalogue); err != nil {
			return trail.Target{}, refusedBody(err)
		}
		return trail.Target{Kind: trail.Catalogue, ID: strconv.FormatInt(version, 10)}, nil
	})
	return Published{version, ByDemo}, err
}

// refusedBody calls what no table knows a bad catalogue.
func refusedBody(err error) error {
	for _, row := range refusals {
		if errors.Is(err, row.is) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", errBody, err)
}

func (h *Handler) inForce(_ http.ResponseWriter, _ *http.Request) (any, error) {
	return map[string]string{"jws": h.Catalogue.CatalogueJWS()}, nil
}

// Proposed is a change with its first signature.
type Proposed struct {
	Catalogue json.RawMessage `json:"catalogue"`
	Signature string          `json:"signature"`
}

func (h *Handler) propose(_ http.ResponseWriter, r *http.Request) (any, error) {
	var in Proposed
	if err := large(r, &in); err != nil {
		return nil, err
	}
	return h.decided(r, "catalogue propose", "", func() (registry.Proposal, error) {
		return h.Catalogue.Propose(r.Context(), in.Catalogue, in.Signature)
	})
}

// decided keeps an act on a proposal in the trail, under the proposal's id.
func (h *Handler) decided(r *http.Request, what, id string, act func() (registry.Proposal, error)) (p registry.Proposal, err error) {
	err = h.do(r, what, trail.Target{Kind: trail.Catalogue, ID: id}, func() (trail.Target, error) {
		p, err = act()
		if p.ID != "" {
			id = p.ID
		}
		return trail.Target{Kind: trail.Catalogue, ID: id}, err
	})
	p.Catalogue = nil
	return p, err
}

func (h *Handler) proposals(_ http.ResponseWriter, r *http.Request) (any, error) {
	all, err := h.Catalogue.ListProposals(r.Context())
	return map[string][]registry.Proposal{"proposals": all}, err
}

func (h *Handler) proposal(_ http.ResponseWriter, r *http.Request) (any, error) {
	return h.Catalogue.Proposal(r.Context(), r.PathValue("id"))
}

func (h *Handler) decide(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Signature string `json:"signature"`
	}
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	return h.decided(r, "catalogue decide", r.PathValue("id"), func() (registry.Proposal, error) {
		return h.Catalogue.Decide(r.Context(), r.PathValue("id"), in.Signature)
	})
}

func (h *Handler) publish(_ http.ResponseWriter, r *http.Request) (any, error) {
	out := Published{By: "two officers' signatures"}
	_, err := h.decided(r, "catalogue publish", r.PathValue("id"), func() (_ registry.Proposal, err error) {
		out.Version, err = h.Catalogue.PublishProposal(r.Context(), r.PathValue("id"))
		return registry.Proposal{}, err
	})
	return out, err
}

// PublishCatalogue publishes in one step, which a development service does.
func (c *Client) PublishCatalogue(ctx context.Context, catalogue json.RawMessage) (out Published, err error) {
	err = c.call(ctx, http.MethodPost, "/catalogue", map[string]json.RawMessage{"catalogue": catalogue}, &out)
	return out, err
}

// CatalogueJWS is the catalogue in force, as published; "" before the first.
func (c *Client) CatalogueJWS(ctx context.Context) (string, error) {
	var out struct{ JWS string }
	err := c.call(ctx, http.MethodGet, "/catalogue", nil, &out)
	return out.JWS, err
}

// Propose a change with the first officer's signature.
func (c *Client) Propose(ctx context.Context, in Proposed) (out registry.Proposal, err error) {
	err = c.call(ctx, http.MethodPost, "/catalogue/proposals", in, &out)
	return out, err
}

// Proposals lists the newest.
func (c *Client) Proposals(ctx context.Context) ([]registry.Proposal, error) {
	var out struct{ Proposals []registry.Proposal }
	err := c.call(ctx, http.MethodGet, "/catalogue/proposals", nil, &out)
	return out.Proposals, err
}

// Proposal fetches one with its catalogue.
func (c *Client) Proposal(ctx context.Context, id string) (out registry.Proposal, err error) {
	err = c.call(ctx, http.MethodGet, "/catalogue/proposals/"+id, nil, &out)
	return out, err
}

// DecideProposal brings an officer's yes or no.
func (c *Client) DecideProposal(ctx context.Context, id, signature string) (out registry.Proposal, err error) {
	err = c.call(ctx, http.MethodPost, "/catalogue/proposals/"+id+"/decision", map[string]string{"signature": signature}, &out)
	return out, err
}

// PublishProposal puts in force what is approved.
func (c *Client) PublishProposal(ctx context.Context, id string) (out Published, err error) {
	err = c.call(ctx, http.MethodPost, "/catalogue/proposals/"+id+"/publish", map[string]string{}, &out)
	return out, err
}
