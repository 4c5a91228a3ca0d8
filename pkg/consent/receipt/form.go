package receipt

import (
	"crypto/sha256"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
)

// form is the canonical JSON of what has a digest of its own. Each is made once
// for a receipt: the receipt's own digest is of the same texts put together
// (TestDigestFromForms: of every field).
type form struct {
	text jcs.Form
	sum  [32]byte
	err  error
}

func formOf(v any) form {
	text, err := jcs.Of(v)
	return form{text, sha256.Sum256(text), err}
}

// write makes the forms of terms, events and the passkey's history.
func (v *verification) write() {
	v.terms = formOf(v.receipt.Terms)
	for _, e := range v.receipt.Events {
		v.eventForms = append(v.eventForms, formOf(e.Event))
	}
	if v.receipt.Approval == nil {
		return
	}
	for _, record := range v.receipt.Approval.History {
		v.keyForms = append(v.keyForms, formOf(record.Event))
	}
}

// writer puts forms together and keeps the first error.
type writer struct{ err error }

func (w *writer) of(v any) jcs.Form      { return w.keep(jcs.Of(v)) }
func (w *writer) text(s string) jcs.Form { return w.keep(jcs.Text(s)) }
func (w *writer) made(f form) jcs.Form   { return w.keep(f.text, f.err) }

func (w *writer) keep(f jcs.Form, err error) jcs.Form {
	if err != nil && w.err == nil {
		w.err = err
	}
	return f
}

func (w *writer) texts(list []string) jcs.Form {
	if list == nil {
		return jcs.List(nil)
	}
	forms := make([]jcs.Form, len(list))
	for i, s := range list {
		forms[i] = w.text(s)
	}
	return jcs.List(forms)
}

// digest is Receipt.Digest.
func (v *verification) digest() (string, error) {
	var w writer
	r := v.receipt
	members := map[string]jcs.Form{
		"schema_version": w.text(r.SchemaVersion), "receipt_id": w.text(r.ID), "request": w.text(r.Request),
		"terms": w.made(v.terms), "commits": w.texts(r.Commits), "received": w.texts(r.Received), "record": w.text(""),
		"events": w.events(r.Events, v.eventForms),
	}
	if r.Approval != nil {
		members["approval"] = w.approval(*r.Approval, v.keyForms)
	}
	if r.Deletion != "" {
		members["deletion"] = w.text(r.Deletion)
	}
	if len(r.Anchors) > 0 {
		members["anchors"] = w.of(r.Anchors)
	}
	if w.err != nil {
		return "", w.err
	}
	sum := sha256.Sum256(jcs.Object(members))
	return consent.Encode(sum[:]), nil
}

func (w *writer) events(events []Event, forms []form) jcs.Form {
	if events == nil {
		return jcs.List(nil)
	}
	list := make([]jcs.Form, len(events))
	for i, e := range events {
		list[i] = jcs.Object(map[string]jcs.Form{"event": w.made(forms[i]), "salt": w.text(consent.Encode(e.Salt)), "proof": w.text(e.Proof)})
	}
	return jcs.List(list)
}

func (w *writer) approval(a consent.Approval, forms []form) jcs.Form {
	var history []jcs.Form
	if a.History != nil {
		history = make([]jcs.Form, len(a.History))
	}
	for i, record := range a.History {
		members := map[string]jcs.Form{"event": w.made(forms[i]), "salt": w.text(consent.Encode(record.Salt))}
		if record.Proof != "" {
			members["proof"] = w.text(record.Proof)
		}
		history[i] = jcs.Object(members)
	}
	a.History = nil
	return jcs.Object(map[string]jcs.Form{
		"assertion": w.of(a.Assertion), "key": w.text(a.Key), "nonce": w.text(consent.Encode(a.Nonce)),
		"digests": w.texts(a.Digests), "history": jcs.List(history), "salt": w.text(consent.Encode(a.Salt)),
	})
}
