package receipt

import (
	"errors"

	"github.com/govmydata/mydata/pkg/tlog"
)

// The verdicts. Whoever shows a report, a command or a page, says these words.
const (
	Holds    = "the receipt holds"
	HoldsNot = "the receipt does not hold"
	// Unwitnessed is the verdict when nothing else is wrong. It is no pass.
	Unwitnessed = "UNWITNESSED: all else holds, but the log's word lacks its witnesses"
)

// Verdict is the report in one line.
func (r Report) Verdict() string {
	failed := r.Failed()
	if r.OK() {
		return Holds
	}
	for _, c := range failed {
		if !c.Unwitnessed {
			return HoldsNot
		}
	}
	if len(failed) == 0 { // nothing was checked
		return HoldsNot
	}
	return Unwitnessed
}

// Mark is how a check's outcome is written.
func (c Check) Mark() string {
	if c.OK {
		return "ok"
	}
	return "FAILED"
}

// unwitnessed tells that an error says so and nothing more: what wraps it came
// after all else was found right.
func unwitnessed(err error) bool { return errors.Is(err, tlog.ErrUnwitnessed) }
