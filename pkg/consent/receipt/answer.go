package receipt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
)

// AnswerSchema is the schema_version of an Answer.
const AnswerSchema = "mydata-answer/1"

// ErrGranted says that a request was granted: a Receipt tells of it. ErrOpen says
// that it has no answer yet.
var (
	ErrGranted = errors.New("receipt: the request was granted")
	ErrOpen    = errors.New("receipt: the request has no answer yet")
)

// Answer proves what became of a request that was never granted: who asked, by
// its own signature, and that it was denied, cancelled or lapsed, by the log. It
// is for the citizen alone; there are no terms, since nothing was approved.
type Answer struct {
	SchemaVersion string  `json:"schema_version"`
	ID            string  `json:"answer_id"`
	Request       string  `json:"request"`
	Events        []Event `json:"events"`
	Record        string  `json:"record"` // mydata-record+jwt over all above
}

// ParseAnswer reads an answer strictly.
func ParseAnswer(raw []byte) (Answer, error) {
	var a Answer
	if err := consent.Decode(raw, maxReceipt, &a); err != nil {
		return Answer{}, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

// ReadAnswer tells an answer from a receipt.
func ReadAnswer(raw []byte) (Answer, bool) {
	a, err := ParseAnswer(raw)
	return a, err == nil && a.SchemaVersion == AnswerSchema
}

// Digest identifies an answer: SHA-256 of its canonical JSON (RFC 8785) without
// the record that closes it.
func (a Answer) Digest() (string, error) {
	a.Record = ""
	sum, err := jcs.Sum(a)
	if err != nil {
		return "", err
	}
	return consent.Encode(sum[:]), nil
}

func answerID(id consent.GrantID, last int64) string {
	return fmt.Sprintf("urn:mydata:answer:%s:%d", id, last)
}

// AnswerForCitizen is the citizen's proof of a request that was not granted.
// consent.ErrForeign to anybody else.
func (a Assembler) AnswerForCitizen(ctx context.Context, id consent.GrantID, citizen string) (Answer, error) {
	record, events, err := a.Ledger.Account(ctx, id)
	switch {
	case err != nil:
		return Answer{}, err
	case citizen == "" || record.Citizen != citizen:
		return Answer{}, consent.ErrForeign
	case record.Terms != "":
		return Answer{}, ErrGranted
	case record.Lives():
		return Answer{}, ErrOpen
	}
	var r Receipt
	for _, e := range events {
		if err := a.add(ctx, &r, e, false); err != nil {
			return Answer{}, fmt.Errorf("answer: event %d: %w", e.Seq, err)
		}
	}
	answer := Answer{SchemaVersion: AnswerSchema, ID: answerID(id, record.Seq), Request: events[0].Evidence.Request, Events: r.Events}
	digest, err := answer.Digest()
	if err != nil {
		return Answer{}, err
	}
	answer.Record, err = a.Ledger.Countersign(record, events, digest)
	return answer, err
}

// VerifyAnswer checks an answer, offline, each check by name.
func (v *Verifier) VerifyAnswer(a Answer) Report {
	c := &verification{Verifier: v, receipt: Receipt{Request: a.Request, Events: a.Events}, opened: map[string]opened{}}
	c.digest()
	c.locate()
	record, err := consent.Fold(c.events())
	var form error
	switch {
	case a.SchemaVersion != AnswerSchema:
		form = fmt.Errorf("schema_version %q is not %s", a.SchemaVersion, AnswerSchema)
	case a.ID != answerID(record.Grant, int64(len(a.Events))):
		form = fmt.Errorf("answer_id %q does not name this request and place", a.ID)
	}
	c.report.add("answer form", form, "")
	request, signature := consent.OpenRequest(a.Request, v.trust.AgencyRoots)
	if signature == nil && request.Audience != v.trust.Issuer {
		signature = fmt.Errorf("it is addressed to %q", request.Audience)
	}
	c.report.add("request signature", signature, request.Issuer)
	if err == nil {
		err = refused(a, record, request)
	}
	if c.report.add("events legal", err, fmt.Sprintf("%d events, %s", len(a.Events), record.State)) {
		c.report.add("never granted", nil, string(record.State))
	}
	c.checkInclusion()
	c.checkAnswerRecord(a, record)
	return c.report
}

// refused holds the events to the request, and to its not having been granted.
func refused(a Answer, record consent.Record, request consent.RequestClaims) error {
	if len(a.Events) == 0 {
		return errors.New("it has no events")
	}
	first := a.Events[0].Event
	switch {
	case first.Request != consent.DigestOf(a.Request):
		return errors.New("they begin with another request")
	case record.Consumer != request.Issuer:
		return errors.New("they are another agency's")
	case record.Terms != "":
		return errors.New("it was granted")
	case record.Lives():
		return errors.New("it has no answer yet")
	}
	return nil
}

// checkAnswerRecord: the hub's signature over the state and over this very answer.
func (v *verification) checkAnswerRecord(a Answer, record consent.Record) {
	c, err := consent.OpenRecord(a.Record, v.trust.HubKeys)
	if err == nil {
		err = v.answerRecord(a, c, record)
	}
	v.report.add("hub record", err, fmt.Sprintf("%s at %s", record.State, time.Unix(c.IssuedAt, 0).UTC().Format(time.RFC3339)))
}

func (v *verification) answerRecord(a Answer, c consent.RecordClaims, record consent.Record) error {
	events, err := sums(v.eventDigests)
	if err != nil {
		return err
	}
	digest, err := a.Digest()
	switch {
	case err != nil:
		return err
	case c.Issuer != v.trust.Issuer:
		return fmt.Errorf("signed for %q", c.Issuer)
	case c.GrantID != record.Grant || c.State != record.State || c.Seq != record.Seq || c.Terms != "":
		return errors.New("it is over another state")
	case c.Events != consent.DigestOfEvents(events):
		return errors.New("it is over other events")
	case c.Receipt != digest:
		return errors.New("it closes another answer")
	}
	return nil
}
