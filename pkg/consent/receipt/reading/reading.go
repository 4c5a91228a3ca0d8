package reading

import (
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// Outcome is what a person is told of a receipt.
type Outcome struct {
	Verdict string   `json:"verdict"`
	Holds   bool     `json:"holds"`
	ID      string   `json:"receipt_id"`
	Digest  string   `json:"digest"`       // of this copy
	Paper   string   `json:"paper_digest"` // of what it says, as printed
	State   string   `json:"state"`
	Checks  []Line   `json:"checks"`
	Terms   []Terms  `json:"terms"`
	Events  []Event  `json:"events"`
	Trust   *Trusted `json:"trust"`
}

// Line is a check as the command prints it: mark, name, detail.
type Line struct {
	Mark   string `json:"mark"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
}

// Terms are the terms as plain text, in one language. Shown is the text whose
// digest the citizen signed.
type Terms struct {
	Lang  string `json:"lang"`
	Text  string `json:"text"`
	Shown bool   `json:"shown"`
}

// Event is an event without its digests.
type Event struct {
	Kind   consent.Kind `json:"kind"`
	At     time.Time    `json:"at"`
	By     string       `json:"by"`
	Use    int          `json:"use,omitempty"`
	Reason string       `json:"reason,omitempty"`
}

// Read checks a receipt against a trust folder. printed is the digest on a
// paper to compare with, or empty.
func Read(raw []byte, trust Trusted, printed string) (Outcome, error) {
	r, err := Parse(raw)
	if err != nil {
		return Outcome{}, err
	}
	var options []receipt.Option
	if trust.channel != nil {
		options = append(options, receipt.WithFabric(trust.channel))
	}
	report := receipt.Verify(r, trust.meant, options...)
	if printed != "" {
		report.Checks = append(report.Checks, receipt.ComparePaper(r, printed))
	}
	out := Of(r, report)
	out.Trust = &trust
	return out, nil
}

// Parse reads a receipt's bytes, bounded.
func Parse(raw []byte) (receipt.Receipt, error) {
	var err error
	if len(raw) > MaxReceipt {
		err = errors.New("longer than a receipt can be")
	} else {
		err = shallow(raw)
	}
	var r receipt.Receipt
	if err == nil {
		r, err = receipt.Parse(raw)
	}
	if err != nil {
		return r, refuse(CheckReceipt, "%v", err)
	}
	return r, nil
}

// Of puts a receipt and its report into words.
func Of(r receipt.Receipt, report receipt.Report) Outcome {
	out := Outcome{Verdict: report.Verdict(), Holds: report.OK(), ID: r.ID, Terms: InWords(r.Terms)}
	for _, c := range report.Checks {
		out.Checks = append(out.Checks, Line{c.Mark(), c.Name, c.Detail})
	}
	var events []consent.Event
	for _, e := range r.Events {
		events = append(events, e.Event)
		out.Events = append(out.Events, Event{e.Event.Kind, e.Event.At, e.Event.By, e.Event.Use, e.Event.Reason})
	}
	if record, err := consent.Fold(events); err == nil {
		out.State = string(record.State)
	}
	if digest, err := r.Digest(); err == nil {
		out.Digest = digest
	}
	if paper, err := r.PaperDigest(len(r.Events)); err == nil {
		out.Paper = paper
	}
	return out
}

// InWords renders terms in Korean and in English. The catalogue's texts in them
// stay in the language that the citizen read.
func InWords(t consent.Terms) (all []Terms) {
	shown := t.Notice.Lang
	for _, lang := range []string{"ko", "en"} {
		t.Notice.Lang = lang
		if text, err := consent.Notice(t); err == nil {
			all = append(all, Terms{lang, string(text), lang == shown})
		}
	}
	return all
}
