package receipt

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/jcs"
)

// CheckPaper is the check that compares a receipt with a printed one.
const CheckPaper = "paper digest"

// PaperDigest is what a printed receipt carries: "n." and the base64url SHA-256
// of request, terms, the first n events and what they name. Proofs, anchors, the
// approval's opening and the hub's signature are left out, since they differ
// from one copy to the next: each later copy of the same account, the citizen's
// or the consumer's, answers the same for n. The events' salts are in it, so it
// tells nothing to who has no copy.
func (r Receipt) PaperDigest(n int) (string, error) {
	if n < 1 || n > len(r.Events) {
		return "", fmt.Errorf("it has %d events, not %d", len(r.Events), n)
	}
	p := Receipt{
		SchemaVersion: r.SchemaVersion, ID: fmt.Sprintf("urn:mydata:receipt:%s:%d", r.Terms.GrantID, n),
		Request: r.Request, Terms: r.Terms, Events: make([]Event, n), Commits: []string{}, Received: []string{},
	}
	for i, e := range r.Events[:n] {
		p.Events[i] = Event{Event: e.Event, Salt: e.Salt}
		switch {
		case e.Event.Kind == consent.KindUsed && len(p.Commits) < len(r.Commits):
			p.Commits = append(p.Commits, r.Commits[len(p.Commits)])
		case e.Event.Kind == consent.KindReceived && len(p.Received) < len(r.Received):
			p.Received = append(p.Received, r.Received[len(p.Received)])
		case e.Event.Kind == consent.KindDeleted:
			p.Deletion = r.Deletion
		}
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write([]byte("mydata/paper/v1\x00"))
	h.Write(canonical)
	return strconv.Itoa(n) + "." + consent.Encode(h.Sum(nil)), nil
}

// ComparePaper says whether a receipt is a copy of what was printed with that
// digest: of it, or of it and what came later. The receipt's own checks are
// Verify's.
func ComparePaper(r Receipt, printed string) Check {
	c := Check{Name: CheckPaper}
	count, digest, ok := strings.Cut(printed, ".")
	n, err := strconv.Atoi(count)
	if !ok || err != nil || strconv.Itoa(n) != count || len(digest) != 43 {
		c.Detail = "what was given is not one: a number, a dot and 43 letters and digits"
		return c
	}
	of, err := r.PaperDigest(n)
	if err == nil && of != printed {
		err = errors.New("another receipt was printed")
	}
	if err != nil {
		c.Detail = err.Error()
		return c
	}
	c.OK, c.Detail = true, fmt.Sprintf("printed after %d events; this copy has %d", n, len(r.Events))
	return c
}
