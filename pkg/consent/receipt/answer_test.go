package receipt_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// answered is a world with a request that ended like that.
func answered(t testing.TB, end consent.State) (*consenttest.World, consent.GrantID) {
	t.Helper()
	w := consenttest.New()
	w.People.Enrol(ada)
	r, err := w.Ledger.Request(t.Context(), w.Request(ada, nil))
	ok(t, "request", err)
	w.Pass(time.Minute)
	switch end {
	case consent.StateDenied:
		_, err = w.Ledger.Deny(t.Context(), r.Grant, ada)
	case consent.StateCancelled:
		_, err = w.Ledger.TakeBack(t.Context(), r.Grant, ada)
	case consent.StateExpired:
		w.Pass(2 * time.Hour)
		_, err = w.Ledger.Expire(t.Context(), r.Grant)
	}
	ok(t, "end", err)
	return w, r.Grant
}

//clause:consent a request that was denied, cancelled or left alone: a proof for the citizen, checked offline
func TestAnswer(t *testing.T) {
	for _, end := range []consent.State{consent.StateDenied, consent.StateCancelled, consent.StateExpired} {
		t.Run("it proves offline that a request is "+string(end), func(t *testing.T) {
			w, id := answered(t, end)
			made, err := assembler(w).AnswerForCitizen(t.Context(), id, ada)
			ok(t, "assemble", err)
			raw, err := json.Marshal(made)
			ok(t, "marshal", err)
			if strings.Contains(string(raw), "resident-01") {
				t.Error("it names the citizen")
			}
			a, is := receipt.ReadAnswer(raw)
			report := receipt.NewVerifier(w.Trust).VerifyAnswer(a)
			if !is || !report.OK() || len(report.Checks) != 7 || !strings.Contains(string(raw), string(id)) {
				t.Errorf("%+v", report.Checks)
			}
			if found := report.Checks[3]; found.Name != "never granted" || found.Detail != string(end) {
				t.Errorf("%+v", found)
			}
		})
	}
	t.Run("it is for its own citizen, and for what has an answer", func(t *testing.T) {
		ctx := t.Context()
		w, id := answered(t, consent.StateDenied)
		granted := w.Granted(ctx, ada, w.People.Enrol(ada))
		open, err := w.Ledger.Request(ctx, w.Request(ada, nil))
		ok(t, "request", err)
		for _, c := range []struct {
			id   consent.GrantID
			who  string
			want error
		}{{id, "resident-02", consent.ErrForeign}, {id, "", consent.ErrForeign}, {granted.Grant, ada, receipt.ErrGranted}, {open.Grant, ada, receipt.ErrOpen}, {"x", ada, consent.ErrUnknown}} {
			if _, err := assembler(w).AnswerForCitizen(ctx, c.id, c.who); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		}
	})
}

// TestAnswerRefuses: each case bends one thing, and has the hub sign anew where it
// could.
//
//clause:consent a request that was denied, cancelled or left alone: a proof for the citizen, checked offline
func TestAnswerRefuses(t *testing.T) {
	w, id := answered(t, consent.StateDenied)
	other, otherID := answered(t, consent.StateDenied)
	foreign, err := assembler(other).AnswerForCitizen(t.Context(), otherID, ada)
	ok(t, "assemble", err)
	granted, err := assembler(w).ForCitizen(t.Context(), w.Granted(t.Context(), ada, w.People.Enrol(ada)).Grant, ada)
	ok(t, "assemble", err)
	made, err := assembler(w).AnswerForCitizen(t.Context(), id, ada)
	ok(t, "assemble", err)
	for name, c := range map[string]struct {
		bend func(*receipt.Answer)
		want string
	}{
		"it refuses another form":               {func(a *receipt.Answer) { a.SchemaVersion = "mydata-answer/2" }, "answer form, hub record"},
		"it refuses another name":               {func(a *receipt.Answer) { a.ID += "0" }, "answer form, hub record"},
		"it refuses another request":            {func(a *receipt.Answer) { a.Request = granted.Request }, "events legal, hub record"},
		"it refuses a request of an unknown CA": {func(a *receipt.Answer) { a.Request = foreign.Request }, "request signature, events legal, hub record"},
		"it refuses another agency's question": {func(a *receipt.Answer) { a.Events[0].Event.Consumer = "urn:mydata:agency:other" },
			"events legal, event 1 (requested) in the log, hub record"},
		"it refuses to leave out the answer":   {func(a *receipt.Answer) { a.Events = a.Events[:1] }, "answer form, events legal, hub record"},
		"it refuses no event":                  {func(a *receipt.Answer) { a.Events = nil }, "answer form, events legal, hub record"},
		"it refuses an answer by another hand": {func(a *receipt.Answer) { a.Events[1].Event.By = "consumer" }, "event 2 (denied) in the log, hub record"},
		"it refuses an event that is not in the log": {func(a *receipt.Answer) {
			a.Events[1].Salt = append([]byte{}, a.Events[0].Salt...)
		}, "event 2 (denied) in the log, hub record"},
		"it refuses another hub's record":    {func(a *receipt.Answer) { a.Record = foreign.Record }, "hub record"},
		"it refuses the record of a receipt": {func(a *receipt.Answer) { a.Record = granted.Record }, "hub record"},
	} {
		t.Run(name, func(t *testing.T) {
			bent := made
			bent.Events = append([]receipt.Event{}, made.Events...)
			c.bend(&bent)
			if got := failed(receipt.NewVerifier(w.Trust).VerifyAnswer(bent)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	t.Run("it refuses a record of the hub's over anything else", func(t *testing.T) {
		record, events, err := w.Ledger.Account(t.Context(), id)
		ok(t, "account", err)
		digest, err := made.Digest()
		ok(t, "digest", err)
		for name, sign := range map[string]func() (string, error){
			"for another hub": func() (string, error) {
				before := w.Ledger.Issuer
				defer func() { w.Ledger.Issuer = before }()
				w.Ledger.Issuer = "https://other.example"
				return w.Ledger.Countersign(record, events, digest)
			},
			"of another state": func() (string, error) {
				other := record
				other.State = consent.StateExpired
				return w.Ledger.Countersign(other, events, digest)
			},
			"over other events": func() (string, error) { return w.Ledger.Countersign(record, events[:1], digest) },
		} {
			bent := made
			bent.Record, err = sign()
			ok(t, "sign", err)
			if got := failed(receipt.NewVerifier(w.Trust).VerifyAnswer(bent)); got != "hub record" {
				t.Errorf("%s: %q", name, got)
			}
		}
	})
	t.Run("it refuses what is no answer at all", func(t *testing.T) {
		for _, raw := range []string{`[]`, `{"answer_id":"x","more":1}`, `{"events":[]}{}`} {
			if _, err := receipt.ParseAnswer([]byte(raw)); err == nil {
				t.Error(raw)
			}
		}
	})
	t.Run("it refuses a consent that was granted and is over", func(t *testing.T) {
		r := w.Granted(t.Context(), ada, w.People.Enrol(ada))
		_, err := w.Ledger.Withdraw(t.Context(), r.Grant, ada)
		ok(t, "withdraw", err)
		over, err := assembler(w).ForCitizen(t.Context(), r.Grant, ada)
		ok(t, "assemble", err)
		bent := receipt.Answer{SchemaVersion: receipt.AnswerSchema, ID: "x", Request: over.Request, Events: over.Events, Record: over.Record}
		if got := failed(receipt.NewVerifier(w.Trust).VerifyAnswer(bent)); got != "answer form, events legal, hub record" {
			t.Error(got)
		}
	})
	t.Run("it is no receipt, and a receipt is none", func(t *testing.T) {
		raw, err := json.Marshal(granted)
		ok(t, "marshal", err)
		if _, is := receipt.ReadAnswer(raw); is {
			t.Error("a receipt is read as an answer")
		}
		if raw, err = json.Marshal(made); err == nil {
			_, err = receipt.Parse(raw)
		}
		if err == nil {
			t.Error("an answer is read as a receipt")
		}
	})
	t.Run("it refuses a grant dressed as an answer", func(t *testing.T) {
		bent := receipt.Answer{SchemaVersion: receipt.AnswerSchema, ID: "x", Request: granted.Request, Events: granted.Events, Record: granted.Record}
		report := receipt.NewVerifier(w.Trust).VerifyAnswer(bent)
		if got := failed(report); got != "answer form, events legal, hub record" {
			t.Error(got)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	w, id := answered(f, consent.StateDenied)
	made, err := assembler(w).AnswerForCitizen(f.Context(), id, ada)
	ok(f, "assemble", err)
	raw, err := json.Marshal(made)
	ok(f, "marshal", err)
	f.Add(raw)
	f.Add([]byte(`{"schema_version":"mydata-answer/1","events":[]}`))
	v := receipt.NewVerifier(w.Trust)
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, is := receipt.ReadAnswer(raw)
		if !is {
			return
		}
		if v.VerifyAnswer(a).OK() && a.Record != made.Record {
			t.Errorf("good: %s", raw)
		}
	})
}
