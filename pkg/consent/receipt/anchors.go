package receipt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// CheckAnchored is the check that WithFabric adds.
const CheckAnchored = "anchored on Fabric"

// WithFabric also asks that every checkpoint the receipt leads to, of events and
// of the passkey's history, is anchored, by one of the receipt's proofs. A nil
// trust accepts none.
func WithFabric(t *endorsement.Trust) Option {
	if t == nil {
		t = new(endorsement.Trust)
	}
	return func(v *Verifier) { v.fabric = t }
}

// checkAnchors: each proof holds, and each checkpoint has one.
func (v *verification) checkAnchors() {
	n := len(v.receipt.Anchors)
	if v.fabric == nil {
		if n > 0 {
			v.report.add("anchors", nil, fmt.Sprintf("%d given, not checked: no trust in a Fabric channel was given", n))
		}
		return
	}
	var anchored []endorsement.Anchored
	for i, p := range v.receipt.Anchors {
		a, err := v.fabric.Verify(p)
		if v.report.add(fmt.Sprintf("anchor %d", i+1), err, fmt.Sprintf("%s at %d, by %s", a.Origin, a.Size, strings.Join(a.Organisations, ", "))) {
			anchored = append(anchored, a)
		}
	}
	places, err := v.places()
	for _, p := range places {
		if err == nil {
			err = covered(p, anchored)
		}
	}
	v.report.add(CheckAnchored, err, fmt.Sprintf("%d entries under %d anchors", len(places), len(anchored)))
}

func covered(p place, anchored []endorsement.Anchored) error {
	if slices.ContainsFunc(anchored, func(a endorsement.Anchored) bool {
		return a.Origin == p.at.Origin && a.Size == p.at.Size && a.Root == p.at.Root
	}) {
		return nil
	}
	if slices.ContainsFunc(anchored, func(a endorsement.Anchored) bool { return a.Origin == p.at.Origin && a.Size == p.at.Size }) {
		return fmt.Errorf("%s: another tree of %d entries was anchored than the log signed", p.name, p.at.Size)
	}
	return fmt.Errorf("%s: no proof anchors the checkpoint at %d", p.name, p.at.Size)
}

// places are all places in the log that the receipt leads to.
func (v *verification) places() ([]place, error) {
	all := slices.Concat(v.eventPlaces, v.keyPlaces)
	for i, p := range all {
		if p.err != nil && !errors.Is(p.err, tlog.ErrUnwitnessed) { // a check of its own says that
			return all[:i], fmt.Errorf("%s: %w", p.name, p.err)
		}
	}
	return all, nil
}

// Anchored are what the receipt's proofs say, each verified: what a peer that
// is asked now has to say again.
func (r Receipt) Anchored(t *endorsement.Trust) ([]endorsement.Anchored, error) {
	var all []endorsement.Anchored
	for i, p := range r.Anchors {
		a, err := t.Verify(p)
		if err != nil {
			return nil, fmt.Errorf("anchor %d: %w", i+1, err)
		}
		all = append(all, a)
	}
	return all, nil
}
