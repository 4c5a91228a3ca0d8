package verifier

import (
	"strings"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// errLater says that nothing is wrong with a presentation but that its issuer
// cannot be asked now. The request stays open: the wallet may send the same
// again.
type errLater struct{}

func (errLater) Error() string     { return "the issuer's status list cannot be had" }
func (errLater) Unavailable() bool { return true }

// unreachable says of an answer that does not do that a status list that cannot be had is all that failed,
// and so what the query and the transactions lack.
func unreachable(checks []credential.Check) bool {
	found := false
	for _, c := range checks {
		if c.OK || c.Name == openid4vp.CheckQuery || c.Name == openid4vp.CheckTransactions {
			continue
		}
		_, name, many := strings.Cut(c.Name, ": ")
		if !many {
			name = c.Name
		}
		if name != credential.CheckStatus || !strings.HasPrefix(c.Detail, statuslist.ErrUnavailable.Error()) {
			return false
		}
		found = true
	}
	return found
}

// giveBack opens a request again that spend took, and keeps why.
func (s *sessions) giveBack(handle string, checks []credential.Check) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.byHandle[handle]; ok {
		n.spent, n.refused = false, checks
	}
}
