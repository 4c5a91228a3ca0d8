package consent

import (
	"context"
	"slices"
)

// invalidations is the closed list of why an operator may invalidate a grant.
// The pages have a text for each, in every language; free text would say more
// than the log may hold.
var invalidations = []string{
	"agency_closed",    // an agency of the grant is no longer admitted
	"agency_misuse",    // an agency broke the terms of a grant
	"key_compromised",  // a key that signed for the grant is in wrong hands
	"wrong_person",     // the grant was given for somebody else
	"request_faulty",   // what was asked for should not have been asked
	"order_of_a_court", // a court or the supervisory authority ordered it
	"person_died",      // a death was reported, by two officers' order
	"person_erased",    // everything about the person is being erased, by two officers' order
}

// Invalidations answers the codes that Invalidate takes.
func Invalidations() []string { return slices.Clone(invalidations) }

// Invalidate ends a standing grant by the operator's hand, for one of the
// reasons of the list, which the citizen and both agencies see. From its return
// no use is committed. Repeating it changes nothing; another reason afterwards
// is ErrInvalid.
func (l *Ledger) Invalidate(ctx context.Context, id GrantID, reason string) (Record, error) {
	if !slices.Contains(invalidations, reason) {
		return Record{}, refuse("reason", "%q is not on the list", reason)
	}
	name := string(KindInvalidated) + "/" + string(id) + "/" + reason
	r, err := l.decide(ctx, id, []byte(name), func(r Record, _ []Event) ([]Event, string, bool, error) {
		switch now := r.Reading(l.Now()); {
		case now.State == StateInvalidated && now.Reason == reason:
			return nil, "", true, nil
		case now.State == StateRequested:
			return nil, "", false, ErrPending
		case now.State == StateExpired:
			return nil, "", false, ErrExpired
		}
		return []Event{{Grant: id, Kind: KindInvalidated, By: "officer", Reason: reason}}, name, false, nil
	})
	return r, err
}
