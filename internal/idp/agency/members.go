package agency

import "github.com/govmydata/mydata/internal/oauth"

var _ oauth.Closed = (*Transfers)(nil)

// Members are those of an element that asks for a transfer: the rest is in the
// consumer's signed request.
func (t *Transfers) Members() []string { return []string{"request"} }
