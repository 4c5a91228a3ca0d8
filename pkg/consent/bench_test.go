package consent_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
)

// BenchmarkApply walks a grant through its life; each figure is of one event. The
// goal is under a microsecond of CPU and at most two allocations for each.
func BenchmarkApply(b *testing.B) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	life := []consent.Event{
		{Kind: consent.KindRequested, Request: "r", Consumer: "c", Provider: "p", Expires: at.Unix() + 3600},
		{Kind: consent.KindGranted, Terms: "t", Approval: "a", MaxUses: 2, NotBefore: at.Unix(), Expires: at.Unix() + 86400},
		{Kind: consent.KindUsed, Terms: "t", Use: 1, Commit: "1"},
		{Kind: consent.KindReceived, Use: 1, Commit: "1", Receipt: "r1"},
		{Kind: consent.KindPaused},
		{Kind: consent.KindResumed},
		{Kind: consent.KindUsed, Terms: "t", Use: 2, Commit: "2"},
		{Kind: consent.KindReceived, Use: 2, Commit: "2", Receipt: "r2"},
		{Kind: consent.KindWithdrawn},
	}
	var before consent.Record
	for i := range life {
		e := &life[i]
		e.Grant, e.Seq, e.At = "g", int64(i)+1, at.Add(time.Duration(i+1)*time.Millisecond)
		after, err := consent.Apply(before, *e)
		if err != nil {
			b.Fatal(err)
		}
		name := string(e.Kind)
		if i > 4 {
			name += "-again"
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			began := cpu()
			for b.Loop() {
				if _, err := consent.Apply(before, *e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu()-began)/float64(b.N)/1000, "of-goal")
		})
		before = after
	}
}

// TestApplyAllocates: no event costs more than two allocations.
func TestApplyAllocates(t *testing.T) {
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	granted := consent.Record{
		Grant: "g", State: consent.StateActive, Seq: 2, At: at, Terms: "t", MaxUses: 3, Expires: at.Add(time.Hour),
		Uses: []consent.Use{{At: at, Commit: "1"}},
	}
	for name, e := range map[string]consent.Event{
		"it takes a use":        {Kind: consent.KindUsed, Terms: "t", Use: 2, Commit: "2"},
		"it takes a receipt":    {Kind: consent.KindReceived, Use: 1, Commit: "1", Receipt: "r"},
		"it takes a withdrawal": {Kind: consent.KindWithdrawn},
	} {
		e.Grant, e.Seq, e.At = "g", 3, at.Add(time.Second)
		n := testing.AllocsPerRun(100, func() {
			if _, err := consent.Apply(granted, e); err != nil {
				t.Fatal(err)
			}
		})
		if n > 2 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// cpu is the time that this process has had of the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
