package consent

import (
	"context"
	"errors"
)

// amended answers the grant that a request would replace, nil where it names
// none. It must be the same citizen's and client's, of the same provider and
// data set, and alive: what has ended is asked for anew, not amended.
func (l *Ledger) amended(ctx context.Context, c RequestClaims, citizen, client string) (*Record, error) {
	d := c.Detail()
	if d.Supersedes == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	old, _, err := l.load(ctx, d.Supersedes)
	if errors.Is(err, ErrUnknown) {
		return nil, refuse("supersedes", "there is no such grant of yours")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case old.Citizen != citizen || old.Client != client || old.Consumer != c.Issuer:
		return nil, refuse("supersedes", "there is no such grant of yours")
	case old.State == StateRequested:
		return nil, ErrPending
	case old.Agreed == nil || old.Provider != d.Locations[0] || old.Agreed.DataSet.ID != d.DataTypes[0]:
		return nil, refuse("supersedes", "the grant is of another provider or data set")
	}
	if err := old.Reading(l.Now()).ended(); err != nil {
		return nil, err
	}
	return &old, nil
}

// checkSupersedes: a request for a new version leads to terms of one, and no
// other request does. That the digest is the old version's is for who holds it.
func checkSupersedes(d Detail, t Terms) error {
	if (d.Supersedes == "") != (t.Supersedes == "") || d.Supersedes != "" && d.Supersedes == t.GrantID {
		return refuse("supersedes", "the terms differ from the request")
	}
	if d.Supersedes == "" {
		return nil
	}
	if _, err := bytes32(t.Supersedes); err != nil {
		return refuse("supersedes", "%v", err)
	}
	return nil
}

// before is the version that an offer would replace, in the language of the
// offer where the catalogue still has its words.
func (l *Ledger) before(old *Record, lang string) *Terms {
	if old == nil {
		return nil
	}
	was := *old.Agreed
	if was.Notice.Lang == lang {
		return &was
	}
	names, optional := make([]string, len(was.Claims)), map[string]bool{}
	for i, c := range was.Claims {
		names[i], optional[c.Name] = c.Name, c.Optional
	}
	said := was
	said.Notice.Lang = lang
	if cat := l.Catalogue(); cat != nil {
		if said, err := describe(said, names, optional, cat); err == nil {
			return &said
		}
	}
	return &was
}

// applySuperseded ends a grant because the citizen approved its next version.
func applySuperseded(r Record, e Event) (Record, error) {
	next, err := move(r, StateSuperseded, StateActive, StatePaused)
	if err != nil {
		return r, err
	}
	switch {
	case e.Successor == "" || e.Successor == r.Grant:
		return r, refuse("event", "superseded by %q", e.Successor)
	case !e.At.Before(r.Expires):
		return r, ErrExpired
	}
	next.Successor = e.Successor
	return next, nil
}
