package receipt_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// anchors has every checkpoint of a log anchored on a channel.
type anchors struct {
	world   *consenttest.World
	channel *endorsementtest.Channel
	asked   []int64
	err     error
	absent  bool
}

func (a *anchors) Anchor(ctx context.Context, size int64) (endorsement.Proof, bool, error) {
	a.asked = append(a.asked, size)
	if a.err != nil || a.absent {
		return endorsement.Proof{}, false, a.err
	}
	head, err := a.world.Log.Head()
	if err != nil || head.Size != size {
		return endorsement.Proof{}, false, err
	}
	return a.channel.Prove(recordOf(head)), true, nil
}

func recordOf(c tlog.Checkpoint) endorsement.Record {
	return endorsement.Record{Origin: c.Origin, Size: c.Size, Root: c.Root, Writer: "Org1MSP"}
}

func anchored(t *testing.T) (*consenttest.World, *anchors, receipt.Receipt) {
	t.Helper()
	w, id := story(t)
	a := &anchors{world: w, channel: endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP")}
	r, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: a}.ForCitizen(t.Context(), id, ada)
	ok(t, "assemble", err)
	raw, err := json.MarshalIndent(r, "", "  ")
	ok(t, "marshal", err)
	r, err = receipt.Parse(raw)
	ok(t, "parse", err)
	return w, a, r
}

func TestAnchoredReceipt(t *testing.T) {
	w, a, r := anchored(t)
	if len(r.Anchors) != 1 || len(a.asked) != 1 {
		t.Fatalf("%d anchors, asked for %v", len(r.Anchors), a.asked)
	}
	report := receipt.Verify(r, w.Trust, receipt.WithFabric(a.channel.Trust()))
	if !report.OK() {
		t.Errorf("failed: %+v", report.Failed())
	}
	if last := names(report); !strings.Contains(last, "anchor 1, anchored on Fabric") {
		t.Errorf("checks: %s", last)
	}
	said, err := r.Anchored(a.channel.Trust())
	if err != nil || len(said) != 1 || said[0].Size != a.asked[0] {
		t.Errorf("%v %v", said, err)
	}
	if report = receipt.Verify(r, w.Trust, receipt.WithFabric(nil)); failed(report) != "anchor 1, "+receipt.CheckAnchored {
		t.Errorf("trust in nothing: %s", failed(report))
	}
	report = receipt.Verify(r, w.Trust)
	if !report.OK() || !strings.Contains(detail(report, "anchors"), "not checked") {
		t.Errorf("without trust in a channel: %+v", report)
	}
}

func names(report receipt.Report) string {
	var all []string
	for _, c := range report.Checks {
		all = append(all, c.Name)
	}
	return strings.Join(all, ", ")
}

func detail(report receipt.Report, name string) string {
	for _, c := range report.Checks {
		if c.Name == name {
			return c.Detail
		}
	}
	return ""
}

func TestAnchoredReceiptRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(w *consenttest.World, a *anchors, r *receipt.Receipt)
		want string
	}{
		"a receipt whose anchors were taken out": {func(_ *consenttest.World, _ *anchors, r *receipt.Receipt) { r.Anchors = nil }, receipt.CheckAnchored},
		"an anchor of another size": {func(w *consenttest.World, a *anchors, r *receipt.Receipt) {
			head, err := w.Log.Head()
			ok(t, "head", err)
			head.Size++
			r.Anchors[0] = a.channel.Prove(recordOf(head))
		}, receipt.CheckAnchored},
		"an anchor of another root": {func(w *consenttest.World, a *anchors, r *receipt.Receipt) {
			head, err := w.Log.Head()
			ok(t, "head", err)
			head.Root[0]++
			r.Anchors[0] = a.channel.Prove(recordOf(head))
		}, receipt.CheckAnchored},
		"an anchor of another log": {func(w *consenttest.World, a *anchors, r *receipt.Receipt) {
			head, err := w.Log.Head()
			ok(t, "head", err)
			head.Origin = "other.example/log"
			r.Anchors[0] = a.channel.Prove(recordOf(head))
		}, receipt.CheckAnchored},
		"another channel's word": {func(w *consenttest.World, a *anchors, r *receipt.Receipt) {
			head, err := w.Log.Head()
			ok(t, "head", err)
			r.Anchors[0] = endorsementtest.New(w.Now(), "Org1MSP", "Org2MSP").Prove(recordOf(head))
		}, "anchor 1"},
		"one organisation's word": {func(_ *consenttest.World, _ *anchors, r *receipt.Receipt) {
			r.Anchors[0].Reads = r.Anchors[0].Reads[:1]
		}, "anchor 1"},
		"an event outside the log": {func(_ *consenttest.World, _ *anchors, r *receipt.Receipt) {
			r.Events[1].Proof = ""
		}, receipt.CheckAnchored},
		"a passkey event outside the log": {func(_ *consenttest.World, _ *anchors, r *receipt.Receipt) {
			r.Approval.History[1].Proof = ""
		}, receipt.CheckAnchored},
		"an anchor put in after the hub closed it": {func(w *consenttest.World, a *anchors, r *receipt.Receipt) {
			r.Anchors = append(r.Anchors, r.Anchors[0])
		}, "hub record"},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			w, a, r := anchored(t)
			c.bend(w, a, &r)
			if got := failed(receipt.Verify(r, w.Trust, receipt.WithFabric(a.channel.Trust()))); !strings.Contains(got, c.want) {
				t.Errorf("failed: %q", got)
			}
		})
	}
}

// Nobody waits for Fabric: a receipt of before an anchor has none, and is the
// same, byte for byte, as one of a log without anchors.
func TestReceiptWithoutAnchors(t *testing.T) {
	w, id := story(t)
	a := &anchors{world: w, absent: true}
	r, err := receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: a}.ForConsumer(t.Context(), id, w.Consumer.ID)
	ok(t, "assemble", err)
	raw, err := json.Marshal(r)
	ok(t, "marshal", err)
	if strings.Contains(string(raw), "anchors") || len(a.asked) != 1 {
		t.Errorf("asked for %v: %s", a.asked, raw)
	}
	plain, err := assembler(w).ForConsumer(t.Context(), id, w.Consumer.ID)
	ok(t, "assemble", err)
	one, err := r.Digest()
	ok(t, "digest", err)
	other, err := plain.Digest()
	ok(t, "digest", err)
	if one != other {
		t.Error("another digest")
	}
	report := receipt.Verify(r, w.Trust, receipt.WithFabric(endorsementtest.New(w.Now(), "Org1MSP").Trust()))
	if failed(report) != receipt.CheckAnchored {
		t.Errorf("failed: %s", failed(report))
	}
	a.err = errors.New("down")
	if _, err := (receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: a}).ForCitizen(t.Context(), id, ada); !errors.Is(err, a.err) {
		t.Errorf("%v", err)
	}
	var unknown consent.GrantID = "x"
	if _, err := (receipt.Assembler{Ledger: w.Ledger, Proofs: w.Log, Anchors: a}).ForCitizen(t.Context(), unknown, ada); !errors.Is(err, consent.ErrUnknown) {
		t.Errorf("%v", err)
	}
}
