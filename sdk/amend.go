package sdk

import (
	"context"
	"errors"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/transfer"
)

const checkVersion = "grant version"

// versions refuses a grant whose next version the citizen has approved, as soon
// as that version was used here: whatever the hub still gives tokens for. The
// next version must name the terms that were released under before.
func (p *Provider) versions(ctx context.Context, g *transfer.Granted) error {
	_, err := p.config.Journal.Get(ctx, "successor", g.Detail.GrantID)
	if err == nil {
		return refusal("superseded", checkVersion, transfer.MenderConsumer, "a newer version of the grant is in force")
	}
	if !errors.Is(err, ErrAbsent) {
		return err
	}
	old := string(g.Request.Detail().Supersedes)
	if old == "" {
		return nil
	}
	if err := p.samePast(ctx, old, g.Terms.Supersedes); err != nil {
		return err
	}
	return p.keep(ctx, "successor", old, g.Detail.GrantID, time.Time{})
}

// samePast compares the digest of the version before with what was released
// under it here, if anything was.
func (p *Provider) samePast(ctx context.Context, old, named string) error {
	was, err := kept[usedRow](ctx, p.config.Journal, "use", useID(old, 1))
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	terms, err := consent.ParseTerms(was.Terms)
	if err != nil {
		return err
	}
	digest, err := terms.Digest()
	if err != nil {
		return err
	}
	if !equal(consent.Encode(digest[:]), named) {
		return refusal("refused", checkVersion, transfer.MenderHub, "it names another version before than the one known here")
	}
	return nil
}
