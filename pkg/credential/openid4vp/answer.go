package openid4vp

import (
	"fmt"
	"slices"

	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// Answer is the credential.Answer of DCQL: by it a credential.Record is made, and
// verified again.
func Answer(query []byte, id string, r credential.Result) (map[string]any, []sdjwt.Path, error) {
	q, err := ParseQuery(query)
	if err != nil {
		return nil, nil, err
	}
	c, ok := q.Credential(id)
	if !ok {
		return nil, nil, fmt.Errorf("%w: no Credential Query %s", ErrQuery, id)
	}
	ways, err := c.Matches(Candidate{Format: r.Format, VCT: r.VCT, Claims: r.Claims, Chain: r.Chain, Bound: r.Bound})
	if err != nil {
		return nil, nil, err
	}
	paths := slices.Concat(ways...)
	asked := make([]sdjwt.Path, len(paths))
	for i, path := range paths {
		asked[i] = sdjwt.Path(path)
	}
	return Project(r.Claims, paths), asked, nil
}
