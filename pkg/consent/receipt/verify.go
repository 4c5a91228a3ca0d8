package receipt

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Check is one thing that was checked.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	// Unwitnessed: the one thing wrong is that the log's word lacks its witnesses.
	Unwitnessed bool `json:"unwitnessed,omitempty"`
}

// Report is the outcome of Verify: every check by name, in order.
type Report struct {
	Checks []Check `json:"checks"`
}

// OK tells that all checks passed.
func (r Report) OK() bool { return len(r.Checks) > 0 && len(r.Failed()) == 0 }

// Failed are the checks that did not pass.
func (r Report) Failed() []Check {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(c Check) bool { return c.OK })
}

func (r *Report) add(name string, err error, detail string) bool {
	if err != nil {
		detail = err.Error()
	}
	r.Checks = append(r.Checks, Check{Name: name, OK: err == nil, Detail: detail, Unwitnessed: unwitnessed(err)})
	return err == nil
}

// verification is the check of one receipt.
type verification struct {
	*Verifier
	receipt                  Receipt
	terms                    digest
	eventDigests, keyDigests []digest
	eventPlaces, keyPlaces   []place
	opened                   map[string]opened // checkpoints, each opened once
	report                   Report
}

func (v *verification) checkForm() {
	var err error
	switch last := len(v.receipt.Events); {
	case v.receipt.SchemaVersion != Schema:
		err = fmt.Errorf("schema_version %q is not %s", v.receipt.SchemaVersion, Schema)
	case last == 0:
		err = errors.New("it has no events")
	case v.receipt.ID != fmt.Sprintf("urn:mydata:receipt:%s:%d", v.receipt.Terms.GrantID, last):
		err = fmt.Errorf("receipt_id %q does not name this grant and place", v.receipt.ID)
	}
	v.report.add("receipt form", err, "")
}

// checkRequest: the consumer's signature and chain, and that nothing but the
// citizen's choice was changed between request and terms.
func (v *verification) checkRequest() {
	request, err := consent.OpenRequest(v.receipt.Request, v.trust.AgencyRoots)
	if err == nil && request.Audience != v.trust.Issuer {
		err = fmt.Errorf("it is addressed to %q", request.Audience)
	}
	if !v.report.add("request signature", err, request.Issuer) {
		return
	}
	detail := "texts not compared: no catalogue was given"
	if v.catalogue != nil {
		detail = fmt.Sprintf("compared with catalogue %d", v.catalogue.Version)
	}
	notice := consent.Narrow(request, v.receipt.Terms, v.catalogue)
	if !v.report.add("terms narrow the request", notice, detail) { // which looks at the notice too
		notice = consent.CheckNotice(v.receipt.Terms)
	}
	v.report.add("privacy notice", notice, v.receipt.Terms.Notice.Lang)
}

// checkEvents: they are legal under the one state machine and begin with this
// request.
func (v *verification) checkEvents() (consent.Record, bool) {
	record, err := consent.Fold(v.events())
	if err == nil && len(v.receipt.Events) > 0 {
		first := v.receipt.Events[0].Event
		switch {
		case first.Request != consent.DigestOf(v.receipt.Request):
			err = errors.New("they begin with another request")
		case first.Grant != v.receipt.Terms.GrantID:
			err = errors.New("they are another grant's")
		case record.Consumer != v.receipt.Terms.Controller || record.Provider != v.receipt.Terms.Provider.ID:
			err = errors.New("they are between other agencies")
		case record.Terms == "":
			err = errors.New("nothing was granted")
		}
	}
	return record, v.report.add("events legal", err, fmt.Sprintf("%d events, %s", len(v.receipt.Events), record.State))
}

func (v *verification) events() []consent.Event {
	all := make([]consent.Event, len(v.receipt.Events))
	for i, e := range v.receipt.Events {
		all[i] = e.Event
	}
	return all
}

// of are the events of one kind.
func (v *verification) of(kind consent.Kind) iter.Seq[consent.Event] {
	return func(yield func(consent.Event) bool) {
		for i := range v.receipt.Events {
			if e := &v.receipt.Events[i].Event; e.Kind == kind && !yield(*e) {
				return
			}
		}
	}
}

func (v *verification) granted() (consent.Event, bool) {
	for e := range v.of(consent.KindGranted) {
		return e, true
	}
	return consent.Event{}, false
}

// checkTerms: what was granted is exactly these terms.
func (v *verification) checkTerms(record consent.Record) {
	t := v.receipt.Terms
	err := v.terms.err
	granted, _ := v.granted()
	switch {
	case err != nil:
	case record.Terms != consent.Encode(v.terms.sum[:]):
		err = errors.New("the granted digest is of other terms")
	case granted.MaxUses != t.MaxUses || granted.Every != t.Every() || granted.NotBefore != t.Validity.NotBefore || granted.Expires != t.Validity.Expires:
		err = errors.New("the granted bounds are not the terms'")
	}
	v.report.add("terms digest", err, record.Terms)
}

// checkApproval: the citizen's own copy opens what the grant event closes.
func (v *verification) checkApproval() {
	granted, ok := v.granted()
	if !ok {
		v.report.add("approval", errors.New("nothing was granted"), "")
		return
	}
	a := v.receipt.Approval
	if a == nil {
		v.report.add("approval closed", nil, "this copy holds its salted digest only; the citizen's copy opens it")
		return
	}
	closed, err := a.Closed()
	if err == nil && closed != granted.Approval {
		err = errors.New("the grant event closes another approval")
	}
	v.report.add("approval", err, "")
	active, historyErr := v.history(a.History, v.keyDigests)
	if err = v.terms.err; err == nil {
		err = a.VerifyBy(v.terms.sum, v.trust.RP, func() ([]jose.JSONWebKey, error) { return active, historyErr })
	}
	v.report.add("citizen's assertion", named(err), "")
	v.report.add("passkey history", named(historyErr), fmt.Sprintf("%d events", len(a.History)))
	v.report.add("passkey history in the log", v.historyIncluded(0), "")
}

// named keeps the name of the WebAuthn check that failed in front.
func named(err error) error {
	if refused, ok := errors.AsType[*approval.CheckError](err); ok {
		return fmt.Errorf("%s: %s", refused.Check, refused.Cause)
	}
	return err
}

// checkInclusion: the salted leaf of each event is under a witnessed checkpoint.
func (v *verification) checkInclusion() {
	for i, e := range v.receipt.Events {
		v.report.add(fmt.Sprintf("event %d (%s) in the log", i+1, e.Event.Kind), v.eventPlaces[i].err, "")
	}
}

// checkCommits: each use was committed by the provider, over these terms.
func (v *verification) checkCommits() {
	left := slices.Clone(v.receipt.Commits)
	for e := range v.of(consent.KindUsed) {
		var jws string
		if len(left) > 0 {
			jws, left = left[0], left[1:]
		}
		v.report.add(fmt.Sprintf("commit of use %d", e.Use), v.commit(jws, e), v.receipt.Terms.Provider.ID)
	}
	if len(left) > 0 {
		v.report.add("commits", fmt.Errorf("%d belong to no use", len(left)), "")
	}
}

func (v *verification) commit(jws string, e consent.Event) error {
	if consent.DigestOf(jws) != e.Commit {
		return errors.New("the event names another commit")
	}
	c, err := consent.OpenCommit(jws, v.trust.AgencyRoots)
	switch {
	case err != nil:
		return err
	case c.Issuer != v.receipt.Terms.Provider.ID:
		return fmt.Errorf("signed by %q", c.Issuer)
	case c.Audience != v.trust.Issuer:
		return fmt.Errorf("addressed to %q", c.Audience)
	case c.GrantID != e.Grant || c.Use != e.Use || c.Terms != e.Terms:
		return errors.New("it is for another grant, use or terms")
	}
	return nil
}

// checkReceived: each receipt of a use was countersigned by the consumer.
func (v *verification) checkReceived() {
	left := slices.Clone(v.receipt.Received)
	for e := range v.of(consent.KindReceived) {
		var jws string
		if len(left) > 0 {
			jws, left = left[0], left[1:]
		}
		v.report.add(fmt.Sprintf("countersignature of use %d", e.Use), v.received(jws, e), v.receipt.Terms.Controller)
	}
	if len(left) > 0 {
		v.report.add("countersignatures", fmt.Errorf("%d belong to no use", len(left)), "")
	}
}

func (v *verification) received(jws string, e consent.Event) error {
	if consent.DigestOf(jws) != e.Receipt {
		return errors.New("the event names another countersignature")
	}
	c, err := consent.OpenReceived(jws, v.trust.AgencyRoots)
	switch {
	case err != nil:
		return err
	case c.Issuer != v.receipt.Terms.Controller:
		return fmt.Errorf("signed by %q", c.Issuer)
	case c.Audience != v.trust.Issuer:
		return fmt.Errorf("addressed to %q", c.Audience)
	case c.GrantID != e.Grant || c.Use != e.Use || c.Commit != e.Commit:
		return errors.New("it is for another grant, use or commit")
	}
	return nil
}

// checkRecord: the hub's signature over the state and over this very receipt.
func (v *verification) checkRecord(record consent.Record) {
	c, err := consent.OpenRecord(v.receipt.Record, v.trust.HubKeys)
	if err == nil {
		err = v.record(c, record)
	}
	asOf := time.Unix(c.IssuedAt, 0).UTC()
	v.report.add("hub record", err, fmt.Sprintf("%s at %s", record.Reading(asOf).State, asOf.Format(time.RFC3339)))
}

func (v *verification) record(c consent.RecordClaims, record consent.Record) error {
	events, err := sums(v.eventDigests)
	if err != nil {
		return err
	}
	digest, err := v.receipt.Digest()
	switch {
	case err != nil:
		return err
	case c.Issuer != v.trust.Issuer:
		return fmt.Errorf("signed for %q", c.Issuer)
	case c.GrantID != v.receipt.Terms.GrantID || c.State != record.State || c.Seq != record.Seq || c.Terms != record.Terms:
		return errors.New("it is over another state")
	case c.Events != consent.DigestOfEvents(events):
		return errors.New("it is over other events")
	case c.Receipt != digest:
		return errors.New("it closes another receipt")
	}
	return nil
}
