package monitor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/did"
)

// Documents gets the document of a did:web as it is served now; *did.Resolver
// does. The error is did.ErrNotFound when it is out of reach.
type Documents interface {
	Fetch(ctx context.Context, id string) ([]byte, error)
}

// document is what the log has said of one, and how what is served compares.
type document struct {
	Latest credential.DIDDocument `json:"latest"`
	Past   []string               `json:"past,omitempty"`  // digests of earlier contents, newest last
	Unlike time.Time              `json:"unlike,omitzero"` // since when other content is served
}

// maxDocuments bounds what a log can make a monitor keep: a hub has one, and one
// for each address that it had.
const maxDocuments = 64

// hearDocuments takes what the log said, the latest of each DID: two entries of
// one moment may stand in the log in any order.
func (r *round) hearDocuments(all []credential.DIDDocument) {
	for _, said := range all {
		d, known := r.memory.Documents[said.ID]
		switch {
		case !known && len(r.memory.Documents) >= maxDocuments:
			r.find("document too many", audit.Finding{Check: audit.Unsaid, Detail: fmt.Sprintf("it names more than %d DIDs", maxDocuments)})
		case !known:
			r.memory.Documents[said.ID] = &document{Latest: said}
		case said.From < d.Latest.From:
			d.past(said.SHA256)
		default:
			d.past(d.Latest.SHA256)
			d.Latest = said
		}
	}
}

func (d *document) past(digest string) {
	d.Past = append(d.Past, digest)
	d.Past = d.Past[max(0, len(d.Past)-maxPast):]
}

// document compares what the hub serves with what the log says. Addresses that
// the hub had earlier serve nothing any more.
func (r *round) document(ctx context.Context) {
	id, err := did.FromURL(r.o.Issuer)
	if err != nil || r.o.Documents == nil || r.memory.Documents[id] == nil {
		return
	}
	d := r.memory.Documents[id]
	text, err := r.o.Documents.Fetch(ctx, id)
	if err != nil {
		r.find("document unreadable", audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("%s: %v", id, err)})
		return
	}
	served := credential.NewDIDDocument(id, text, r.now).SHA256
	if served == d.Latest.SHA256 {
		d.Unlike = time.Time{}
		return
	}
	if d.Unlike.IsZero() {
		d.Unlike = r.now
	}
	if r.now.Sub(d.Unlike) <= r.o.Grace {
		return
	}
	detail := "with content of which the log says nothing"
	if slices.Contains(d.Past, served) {
		detail = "as it was before " + time.Unix(d.Latest.From, 0).UTC().Format(time.RFC3339)
	}
	r.find("document unlike", audit.Finding{Check: audit.Document,
		Detail: fmt.Sprintf("%s is served %s, since %s", id, detail, d.Unlike.UTC().Format(time.RFC3339))})
}
