package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// The refusals of proposals.
var (
	// ErrNoProposal: no proposal has this id.
	ErrNoProposal = errors.New("registry: no such proposal")
	// ErrDecided: the proposal is approved, rejected, published or expired.
	ErrDecided = errors.New("registry: this proposal is decided")
	// ErrApproval: the officer's signature does not stand for this proposal.
	ErrApproval = errors.New("registry: the officer's signature is refused")
	// ErrStale: another catalogue came in force since.
	ErrStale = errors.New("registry: another catalogue is in force by now: propose anew")
	// ErrNothing: the proposal changes nothing.
	ErrNothing = errors.New("registry: this is what is in force already")
)

// The states of a proposal. Expired is what an open or approved one becomes by
// the clock; no row says so.
const (
	Open      = "open"      // one officer signed
	Ready     = "approved"  // two did
	Rejected  = "rejected"  // an officer said no
	Published = "published" // in force, or was
	Expired   = "expired"
)

// Proposal is a change of the catalogue on its way. ID is the snapshot's digest,
// so that another byte is another proposal, without signatures.
type Proposal struct {
	ID         string    `json:"id"`
	Version    int64     `json:"version"`
	State      string    `json:"state"`
	Expires    time.Time `json:"expires"`
	Signatures []string  `json:"signatures"` // the proposer's first
	Catalogue  []byte    `json:"catalogue,omitempty"`
}

// Proposals keeps what is proposed. Writes are durable on return; all methods
// may run at once; an error that is no sentinel means the outcome is unknown.
type Proposals interface {
	// Propose keeps a new proposal; the very same again is nil, and its
	// signatures stay what they are. ErrDecided when it was decided before.
	Propose(ctx context.Context, p Proposal) error
	// Proposal answers ErrNoProposal where there is none.
	Proposal(ctx context.Context, id string) (Proposal, error)
	// ListProposals answers the newest, without their catalogues.
	ListProposals(ctx context.Context, limit int) ([]Proposal, error)
	// Decide adds a signature and moves an open proposal to a state; ErrDecided
	// when it is not open any more, save by this same signature.
	Decide(ctx context.Context, id, signature, state string) error
}

// Propose takes a change that one officer has signed.
func (r *Registry) Propose(ctx context.Context, raw []byte, signature string) (Proposal, error) {
	next, err := catalogue.Parse(raw)
	if err != nil {
		return Proposal{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err := r.Load(ctx); err != nil { // another replica may have published
		return Proposal{}, err
	}
	if err := r.follows(&next); err != nil {
		return Proposal{}, err
	}
	d, _, err := r.decision(&next, signature, catalogue.Approve)
	if err != nil {
		return Proposal{}, err
	}
	if err := r.sound(next); err != nil {
		return Proposal{}, err
	}
	p := Proposal{
		ID: d.Snapshot, Version: next.Version, State: Open, Expires: time.Unix(d.Expires, 0).UTC(),
		Signatures: []string{signature}, Catalogue: raw,
	}
	if err := r.Store.Propose(ctx, p); err != nil {
		return Proposal{}, err
	}
	return r.Proposal(ctx, p.ID)
}

// Proposal answers one with its catalogue and the state that the clock gives it.
func (r *Registry) Proposal(ctx context.Context, id string) (Proposal, error) {
	p, err := r.Store.Proposal(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	return r.aged(p), nil
}

// ListProposals answers the newest, without their catalogues.
func (r *Registry) ListProposals(ctx context.Context) ([]Proposal, error) {
	const limit = 100
	all, err := r.Store.ListProposals(ctx, limit)
	for i := range all {
		all[i] = r.aged(all[i])
	}
	return all, err
}

func (r *Registry) aged(p Proposal) Proposal {
	if (p.State == Open || p.State == Ready) && !r.now().Before(p.Expires) {
		p.State = Expired
	}
	return p
}

// Decide takes another officer's yes, or any officer's no.
func (r *Registry) Decide(ctx context.Context, id, signature string) (Proposal, error) {
	p, next, err := r.open(ctx, id)
	if err != nil {
		return p, err
	}
	if p.State != Open {
		return p, fmt.Errorf("%w: %s", ErrDecided, p.State)
	}
	d, officer, err := r.decision(next, signature, "")
	if err != nil {
		return p, err
	}
	_, proposer, err := catalogue.OpenDecision(p.Signatures[0], r.Publisher.Officers)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	state := Rejected
	if d.Decision == catalogue.Approve {
		if state = Ready; officer == proposer {
			return p, fmt.Errorf("%w: %w", ErrApproval, catalogue.ErrSamePair)
		}
	}
	if err := r.Store.Decide(ctx, id, signature, state); err != nil {
		return p, err
	}
	return r.Proposal(ctx, id)
}

// PublishProposal puts in force what two officers approved.
func (r *Registry) PublishProposal(ctx context.Context, id string) (int64, error) {
	p, next, err := r.open(ctx, id)
	if err != nil {
		return 0, err
	}
	if p.State != Ready {
		return 0, fmt.Errorf("%w: it is %s, not approved", ErrDecided, p.State)
	}
	for _, signature := range p.Signatures {
		if _, _, err := r.decision(next, signature, catalogue.Approve); err != nil {
			return 0, err
		}
	}
	return next.Version, r.PublishCatalogue(ctx, *next, p.Signatures...)
}

// open reads a proposal anew: what is kept must still be what its id says.
func (r *Registry) open(ctx context.Context, id string) (Proposal, *catalogue.Catalogue, error) {
	if err := r.Load(ctx); err != nil {
		return Proposal{}, nil, err
	}
	p, err := r.Proposal(ctx, id)
	if err != nil {
		return p, nil, err
	}
	next, err := catalogue.Parse(p.Catalogue)
	if err != nil {
		return p, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if digest, err := next.Digest(); err != nil || digest != p.ID {
		return p, nil, errors.Join(fmt.Errorf("%w: %w", ErrApproval, catalogue.ErrOther), err)
	}
	if p.State == Open || p.State == Ready {
		err = r.follows(&next)
	}
	return p, &next, err
}

// follows holds a change to the version after the one in force, and to be one.
func (r *Registry) follows(next *catalogue.Catalogue) error {
	now := r.Catalogue()
	switch {
	case now == nil && next.Version == 1:
		return nil
	case now == nil || next.Version != now.Version+1:
		return ErrStale
	}
	changes, err := catalogue.Diff(now, next)
	if err == nil && len(changes) == 0 {
		err = ErrNothing
	}
	return err
}

// decision checks a signature for this change, now; want is "" for either.
func (r *Registry) decision(next *catalogue.Catalogue, signature, want string) (catalogue.Decision, string, error) {
	d, officer, err := catalogue.OpenDecision(signature, r.Publisher.Officers)
	if err == nil {
		err = d.For(next, r.Catalogue())
	}
	if err == nil {
		err = d.At(r.now())
	}
	if err == nil && want != "" && d.Decision != want {
		err = fmt.Errorf("the decision is to %s", d.Decision)
	}
	if err != nil {
		return d, "", fmt.Errorf("%w: %w", ErrApproval, err)
	}
	return d, officer, nil
}
