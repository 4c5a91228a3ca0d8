package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Bundle is a folder of receipts and what they are measured against.
type Bundle struct {
	FS    fs.FS
	Trust consent.Trust
}

// maxReceiptFile bounds one file of a bundle.
const maxReceiptFile = 16 << 20

// receipts checks each receipt of the bundle, and that all the checkpoints which
// they carry are of one log: the one that was walked, if one was.
func (a *Audit) receipts(ctx context.Context, walked bool) {
	files, err := fs.ReadDir(a.Receipts.FS, ".")
	if err != nil {
		a.report.find(Unreadable, "receipts: %v", err)
		return
	}
	findings, seen := len(a.report.Findings), map[head]tlog.Checkpoint{}
	verifier := receipt.NewVerifier(a.Receipts.Trust)
	for _, file := range files {
		if file.IsDir() || !strings.HasSuffix(file.Name(), ".json") {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		a.report.Receipts++
		a.receipt(ctx, verifier, file.Name(), seen, walked)
	}
	switch {
	case a.report.Receipts == 0:
		a.report.find(Unreadable, "receipts: no file of the folder ends in .json")
	case len(a.report.Findings) == findings && walked:
		a.report.pass("every receipt holds, and is of the log that was walked")
	case len(a.report.Findings) == findings:
		a.report.pass("every receipt holds, and no two show two logs")
	}
}

// head is what has one root: two logs may be of one size.
type head struct {
	origin string
	size   int64
}

func (a *Audit) receipt(ctx context.Context, verifier *receipt.Verifier, name string, seen map[head]tlog.Checkpoint, walked bool) {
	r, err := readReceipt(a.Receipts.FS, name)
	if err != nil {
		a.report.find(Receipt, "%s: %v", name, err)
		return
	}
	for _, check := range verifier.Verify(r).Failed() {
		a.report.find(Receipt, "%s: %s: %s", name, check.Name, check.Detail)
	}
	for i, e := range r.Events {
		proof, err := tlog.ParseProof([]byte(e.Proof))
		if err != nil {
			continue // named above
		}
		c, err := a.Receipts.Trust.Log.Open(proof.Checkpoint)
		if err != nil && !errors.Is(err, tlog.ErrUnwitnessed) {
			continue
		}
		at := head{c.Origin, c.Size}
		before, known := seen[at]
		if known && before.Root == c.Root {
			continue
		}
		f := a.sameLog(ctx, before, c, known, walked)
		if f != nil {
			f.Detail = fmt.Sprintf("%s, event %d: %s", name, i+1, f.Detail)
			a.take(f)
			continue
		}
		seen[at] = c
	}
}

// sameLog compares a receipt's checkpoint with another of its size, and with the
// log that was walked.
func (a *Audit) sameLog(ctx context.Context, before, c tlog.Checkpoint, known, walked bool) *Finding {
	if known {
		return &Finding{TwoLogs, fmt.Sprintf("two roots for size %d", c.Size), []string{string(before.Note), string(c.Note)}}
	}
	if !walked {
		return nil
	}
	if c.Origin != a.now.Origin {
		return &Finding{Check: Receipt, Detail: "it is of the log " + c.Origin}
	}
	return Continues(ctx, a.Log, c, a.now)
}

func readReceipt(folder fs.FS, name string) (receipt.Receipt, error) {
	file, err := folder.Open(name)
	if err != nil {
		return receipt.Receipt{}, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxReceiptFile))
	if err != nil {
		return receipt.Receipt{}, err
	}
	return receipt.Parse(raw)
}
