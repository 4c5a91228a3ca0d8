package monitor

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// Lists gets a status list as it is served now, signature checked, in every form
// that there is of it.
type Lists interface {
	Fetch(ctx context.Context, uri string) ([]statuslist.Token, error)
}

// Served are lists by their address: https, or loop-back in development; never a
// private network (statuslist.Client). With Roots their signers have to be
// issuers that these vouch for.
type Served struct {
	Client *statuslist.Client
	Roots  *x509.CertPool
}

// Fetch implements Lists: the JWT, which every list of ours has, and the CWT where
// there is one. Each can be lied about alone.
func (s Served) Fetch(ctx context.Context, uri string) ([]statuslist.Token, error) {
	jwt, err := s.Client.Fetch(ctx, uri, s.signer)
	if err != nil {
		return nil, err
	}
	cwt, err := s.Client.FetchAs(ctx, uri, statuslist.MediaTypeCWT, s.signer)
	switch {
	case errors.Is(err, statuslist.ErrUnavailable):
		return []statuslist.Token{jwt}, nil
	case err != nil:
		return nil, fmt.Errorf("as CWT: %w", err)
	}
	return []statuslist.Token{jwt, cwt}, nil
}

func (s Served) signer(chain [][]byte) (crypto.PublicKey, error) {
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, err
	}
	if s.Roots == nil {
		return leaf.PublicKey, nil
	}
	between := x509.NewCertPool()
	for _, der := range chain[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			between.AddCert(c)
		}
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: s.Roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return leaf.PublicKey, err
}

// said is a statement of the log on a status list's content.
type said struct {
	URI     string `json:"uri"`
	SHA256  string `json:"sha256"`
	Version int64  `json:"version"`
	At      int64  `json:"iat"`
}

func parseSaid(body []byte) (said, error) {
	var s said
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("status list: %w", err)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(s.SHA256)
	if err != nil || len(sum) != sha256.Size || s.URI == "" || len(s.URI) > 2048 || strings.ContainsFunc(s.URI, odd) || s.Version < 1 || s.At < 1 {
		return s, errors.New("status list: not uri, sha256, version and iat")
	}
	return s, nil
}

// odd is what no address is written with (RFC 3986, 2).
func odd(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }

// list is what the log has said of one, and how what is served compares.
type list struct {
	Latest said      `json:"latest"`
	Past   []string  `json:"past,omitempty"`   // digests of earlier contents, newest last
	Unlike time.Time `json:"unlike,omitzero"`  // since when other content is served
	Looked time.Time `json:"looked,omitzero"`  // when it was compared last
	Served string    `json:"served,omitempty"` // the digest that was unlike
}

// Bounds of what a log can make a monitor keep and fetch.
const (
	maxLists = 4096
	maxURIs  = 1 << 20 // bytes of all their addresses
	maxPast  = 64
	perRound = 64
)

// hear takes what the log said, the highest version of each list: two entries of
// one moment may stand in the log in any order.
func (r *round) hear(all []said) {
	addresses := 0
	for uri := range r.memory.Lists {
		addresses += len(uri)
	}
	for _, s := range all {
		l, known := r.memory.Lists[s.URI]
		switch {
		case !known && (len(r.memory.Lists) >= maxLists || addresses+len(s.URI) > maxURIs):
			r.find("list too many", audit.Finding{Check: audit.Unsaid, Detail: fmt.Sprintf(
				"it names more than %d status lists, or by addresses of more than %d bytes", maxLists, maxURIs)})
		case !known:
			r.memory.Lists[s.URI] = &list{Latest: s}
			addresses += len(s.URI)
		case s.Version == l.Latest.Version && s.SHA256 != l.Latest.SHA256:
			r.find("list versions "+s.URI, audit.Finding{Check: audit.Unsaid,
				Detail: fmt.Sprintf("status list %s has two contents under version %d", s.URI, s.Version)})
		case s.Version < l.Latest.Version:
			l.past(s.SHA256)
		case s.Version > l.Latest.Version:
			l.past(l.Latest.SHA256)
			l.Latest = s
		}
	}
}

func (l *list) past(digest string) {
	l.Past = append(l.Past, digest)
	l.Past = l.Past[max(0, len(l.Past)-maxPast):]
}

// lists compares what is served with what the log says, those first that were
// not looked at for longest.
func (r *round) lists(ctx context.Context) {
	if r.o.Lists == nil {
		return
	}
	all := slices.SortedFunc(maps.Keys(r.memory.Lists), func(a, b string) int {
		return r.memory.Lists[a].Looked.Compare(r.memory.Lists[b].Looked)
	})
	for i, uri := range all {
		if i < perRound {
			r.list(ctx, uri, r.memory.Lists[uri])
			continue
		}
		for _, what := range []string{"unreadable ", "unlike "} { // not looked at: as it was
			if f, known := r.memory.Found["list "+what+uri]; known {
				r.find("list "+what+uri, f.Finding)
			}
		}
	}
}

func (r *round) list(ctx context.Context, uri string, l *list) {
	l.Looked = r.now
	tokens, err := r.o.Lists.Fetch(ctx, uri)
	switch {
	case errors.Is(err, statuslist.ErrUnavailable):
		r.find("list unreadable "+uri, audit.Finding{Check: audit.Unreadable, Detail: fmt.Sprintf("%s: %v", uri, err)})
		return
	case err != nil:
		r.find("list unlike "+uri, audit.Finding{Check: audit.StatusList, Detail: fmt.Sprintf("%s: %v", uri, err)})
		return
	}
	served := l.Latest.SHA256
	for _, token := range tokens {
		sum := sha256.Sum256(token.List.Bytes())
		if one := base64.RawURLEncoding.EncodeToString(sum[:]); one != l.Latest.SHA256 {
			served = one
		}
	}
	if served == l.Latest.SHA256 {
		l.Unlike, l.Served = time.Time{}, ""
		return
	}
	if l.Unlike.IsZero() {
		l.Unlike = r.now
	}
	l.Served = served
	said := time.Unix(l.Latest.At, 0).UTC()
	switch old := slices.Contains(l.Past, served); {
	case old && r.now.Sub(said) > r.o.Grace: // what was taken back is served as good
		r.find("list unlike "+uri, audit.Finding{Check: audit.StatusList,
			Detail: fmt.Sprintf("%s is served as it was before version %d of %s", uri, l.Latest.Version, said.Format(time.RFC3339))})
	case r.now.Sub(l.Unlike) > r.o.Grace:
		r.find("list unlike "+uri, audit.Finding{Check: audit.StatusList,
			Detail: fmt.Sprintf("%s is served with content of which the log says nothing since %s", uri, l.Unlike.UTC().Format(time.RFC3339))})
	}
}
