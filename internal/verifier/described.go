package verifier

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/legible"
)

const (
	checkType = "type metadata"
	// typeWait is how long a wallet waits for what a page is to be called.
	typeWait = 3 * time.Second
)

// describe finds the names that issuers publish of what was verified (SD-JWT VC
// draft, Type Metadata). A page is clear without them: what cannot be had, or is not
// what the credential names by its digest, is passed over. A type that extends
// itself refuses the credential, as the draft wants.
func (s *Server) describe(ctx context.Context, o *outcome) {
	if s.Described == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, typeWait)
	defer cancel()
	o.types = map[string]credential.Type{}
	for _, p := range o.kept {
		vct := p.Result.VCT
		if !p.OK || !strings.HasPrefix(vct, "http") {
			continue
		}
		integrity, _ := p.Result.Claims["vct#integrity"].(string)
		described, err := s.Described.Describe(ctx, vct, integrity)
		if errors.Is(err, credential.ErrTypeCircular) {
			*o = outcome{checks: append(o.checks, credential.Check{Name: checkType, Detail: err.Error()})}
			return
		}
		if err != nil {
			s.Logger.InfoContext(ctx, "no names of the type", "type", vct, "error", err.Error(), "correlation_id", web.Correlation(ctx))
			continue
		}
		o.types[p.Query] = described
	}
}

// typeNames are those of all that was verified, in the order of the answer: the
// issuer's, else our own, else the type's as it is written.
func (s *Server) typeNames(lang string, n *session) []string {
	var names []string
	for _, p := range n.kept {
		if !p.OK {
			continue
		}
		name := n.types[p.Query].Name(lang)
		if name == "" {
			name = s.known(lang, "verifier.type."+p.Result.VCT, p.Result.VCT)
		}
		if name = legible.Clean(name, maxValue); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// label is a claim's name: the issuer's, else our own, else the claim's as it is
// written; "formatted" is the whole in words (OpenID Connect Core, 5.1.1).
func (s *Server) label(lang string, path openid4vp.Path, described credential.Type) string {
	if len(path) > 1 {
		if _, one := path[0].(int); one { // of several presentations
			path = path[1:]
		}
	}
	label, named := described.Label(lang, path)
	if named == 0 {
		first := path[:1].Name()
		label, named = s.known(lang, "verifier.claim."+first, first), 1
	}
	if rest := strings.TrimSuffix("."+path[named:].Name(), ".formatted"); len(rest) > 1 {
		label += " · " + rest[1:]
	}
	return legible.Clean(label, maxValue)
}
