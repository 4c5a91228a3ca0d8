package receipt_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

func TestVerdict(t *testing.T) {
	w, id := story(t)
	good := citizens(t, w, id)
	w.Log.Silent = true
	silent := citizens(t, w, id)
	forged := silent
	forged.Commits = nil
	history := silent
	approved := *silent.Approval
	approved.History = append(approved.History[:1:1], approved.History[1])
	approved.History[1].Proof = ""
	history.Approval = &approved
	for _, c := range []struct {
		name, want string
		r          receipt.Receipt
		failed     string
	}{
		{"it holds", receipt.Holds, good, ""},
		{"it is UNWITNESSED when that alone is wrong", receipt.Unwitnessed, silent, "in the log"},
		{"it does not hold when something else is wrong too", receipt.HoldsNot, forged, "commit of use 1"},
		{"it hides no worse passkey event behind an unwitnessed one", receipt.HoldsNot, history, "passkey history in the log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := receipt.Verify(c.r, w.Trust)
			if report.Verdict() != c.want || !strings.Contains(failed(report), c.failed) {
				t.Errorf("%s; failed: %s", report.Verdict(), failed(report))
			}
			for _, check := range report.Failed() {
				if check.Name == "passkey history in the log" && check.Unwitnessed != (c.want == receipt.Unwitnessed || c.failed == "commit of use 1") {
					t.Errorf("%+v", check)
				}
			}
		})
	}
	if got := (receipt.Report{}).Verdict(); got != receipt.HoldsNot {
		t.Errorf("nothing checked: %s", got)
	}
	if a, b := (receipt.Check{OK: true}).Mark(), (receipt.Check{}).Mark(); a != "ok" || b != "FAILED" {
		t.Errorf("marks: %s, %s", a, b)
	}
}

// A paper printed early fits each later copy, the agency's too, and no other's.
//
//clause:consent a printed receipt fits every later copy, and no other receipt
func TestPaper(t *testing.T) {
	ctx := t.Context()
	w, id := story(t)
	before := citizens(t, w, id)
	w.Log.Append([]byte("later")) // another checkpoint, so other proofs
	after := citizens(t, w, id)
	consumers, err := assembler(w).ForConsumer(ctx, id, w.Consumer.ID)
	ok(t, "assemble", err)
	whole, err := before.PaperDigest(len(before.Events))
	ok(t, "digest", err)
	early, err := before.PaperDigest(3)
	ok(t, "digest", err)
	if a, b := digest(t, before), digest(t, after); a == b {
		t.Error("the copies do not differ: the test shows nothing")
	}
	other := citizens(t, w, id)
	other.Terms.Purpose.Text = "another"
	salted := citizens(t, w, id)
	salted.Events[2].Salt[0]++
	bare := citizens(t, w, id)
	bare.Commits = nil
	for _, c := range []struct {
		name, paper string
		r           receipt.Receipt
		want        string // "" passes
	}{
		{"it fits the same copy", whole, before, ""},
		{"it fits a copy with other proofs", whole, after, ""},
		{"it fits the consumer's copy", whole, consumers, ""},
		{"it fits what came later", early, after, ""},
		{"it fits no other terms", whole, other, "another receipt"},
		{"it fits no other salt", whole, salted, "another receipt"},
		{"it fits nothing without its commit", whole, bare, "another receipt"},
		{"it fits no earlier copy", strings.Replace(whole, "5.", "6.", 1), before, "it has 5 events, not 6"},
		{"it refuses no event at all", strings.Replace(whole, "5.", "0.", 1), before, "it has 5 events, not 0"},
		{"it refuses another spelling of the number", "0" + whole, before, "is not one"},
		{"it refuses a short digest", whole[:20], before, "is not one"},
		{"it refuses a word", "paper", before, "is not one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := receipt.ComparePaper(c.r, c.paper)
			if check.Name != receipt.CheckPaper || check.OK != (c.want == "") || !strings.Contains(check.Detail, c.want) {
				t.Errorf("%+v", check)
			}
		})
	}
}

func digest(t testing.TB, r receipt.Receipt) string {
	t.Helper()
	d, err := r.Digest()
	ok(t, "digest", err)
	return d
}

// A receipt tells of each kind of event. Denied and cancelled are not among them:
// they end a request that was never granted, which has no terms.
//
//clause:consent a receipt tells of every kind of event
func TestEveryKind(t *testing.T) {
	ctx := t.Context()
	seen := map[consent.Kind]bool{}
	w, id := story(t)
	for _, e := range citizens(t, w, id).Events {
		seen[e.Event.Kind] = true
	}
	first := w.People.Enrol("resident-03")
	for _, kind := range []consent.Kind{consent.KindPaused, consent.KindResumed, consent.KindInvalidated, consent.KindExpired, consent.KindConsumed, consent.KindDeleted, consent.KindDisowned} {
		r := w.Granted(ctx, "resident-03", first)
		lead(t, w, r, kind)
		whole, err := assembler(w).ForCitizen(ctx, r.Grant, "resident-03")
		ok(t, string(kind), err)
		report := receipt.Verify(whole, w.Trust)
		if !report.OK() {
			t.Errorf("%s: %s", kind, failed(report))
		}
		for _, e := range whole.Events {
			seen[e.Event.Kind] = true
		}
	}
	for _, kind := range []consent.Kind{
		consent.KindRequested, consent.KindGranted, consent.KindUsed, consent.KindReceived, consent.KindPaused, consent.KindResumed,
		consent.KindWithdrawn, consent.KindExpired, consent.KindConsumed, consent.KindInvalidated,
		consent.KindDeleted, consent.KindDisowned,
	} {
		if !seen[kind] {
			t.Errorf("no receipt tells of %s", kind)
		}
	}
}

// lead brings a grant to an event of that kind, as the ledger would write it.
func lead(t testing.TB, w *consenttest.World, r consent.Record, kind consent.Kind) {
	t.Helper()
	ctx := t.Context()
	at := w.Now()
	switch kind {
	case consent.KindResumed:
		_, err := w.Ledger.Pause(ctx, r.Grant, r.Citizen, "by_citizen")
		ok(t, "pause", err)
	case consent.KindExpired:
		at = r.Expires
	case consent.KindDeleted:
		_, err := w.Ledger.Use(ctx, w.Commit(r, 1, nil))
		ok(t, "use", err)
		_, err = w.Ledger.Withdraw(ctx, r.Grant, r.Citizen)
		ok(t, "withdraw", err)
		_, err = w.Ledger.Deleted(ctx, w.Deleted(r, 1, nil))
		ok(t, "deleted", err)
		return
	case consent.KindDisowned:
		_, err := w.Ledger.Disown(ctx, r.Grant, 2, r.Citizen)
		ok(t, "disown", err)
		return
	case consent.KindConsumed:
		for n := range r.MaxUses {
			_, err := w.Ledger.Use(ctx, w.Commit(r, n+1, nil))
			ok(t, "use", err)
		}
	}
	now, _, err := w.Store.History(ctx, r.Grant)
	ok(t, "history", err)
	if now.State == consent.StateConsumed {
		return
	}
	head, err := w.Store.Head(ctx, r.Citizen)
	ok(t, "head", err)
	e := consent.Event{
		Grant: r.Grant, Seq: now.Seq + 1, Kind: kind, At: at, By: "hub", Reason: "test",
		Citizen: r.Citizen, CitizenSeq: head + 1, Salt: [32]byte{byte(now.Seq), 1},
	}
	entry, err := consent.Entry(e, e.Salt)
	ok(t, "entry", err)
	_, err = w.Store.Commit(ctx, consent.Commit{ID: string(r.Grant) + string(kind), Events: []consent.Event{e}, Leaves: [][]byte{entry}})
	ok(t, "commit", err)
}
