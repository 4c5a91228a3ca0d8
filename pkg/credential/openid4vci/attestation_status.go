package openid4vci

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// StatusLists looks a reference up; *statuslist.Client does.
type StatusLists interface {
	Status(ctx context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error)
}

// AttestationStatus makes the check of status claims, of wallets' and of keys'
// attestations: the list must be signed under the very root that the attestation
// led to, and say that it is valid. Whatever cannot be told counts as not valid.
func AttestationStatus(lists StatusLists, now func() time.Time) func(ctx context.Context, status []byte, root *x509.Certificate) error {
	return func(ctx context.Context, status []byte, root *x509.Certificate) error {
		var claim struct {
			List *struct {
				URI   string `json:"uri"`
				Index *int   `json:"idx"`
			} `json:"status_list"`
		}
		if err := decode(status, &claim); err != nil {
			return err
		}
		if claim.List == nil || claim.List.URI == "" || claim.List.Index == nil || *claim.List.Index < 0 {
			return fmt.Errorf("status: not a reference to a status list")
		}
		ref := statuslist.Reference{URI: claim.List.URI, Index: *claim.List.Index}
		answer, err := lists.Status(ctx, ref, func(chain [][]byte) (crypto.PublicKey, error) {
			var x5c []string
			for _, der := range chain {
				x5c = append(x5c, base64.StdEncoding.EncodeToString(der))
			}
			key, _, err := attesterKey(x5c, []*x509.Certificate{root}, now())
			return key, err
		})
		if err != nil {
			return err
		}
		if answer != statuslist.Valid {
			return fmt.Errorf("status: %d, not valid", answer)
		}
		return nil
	}
}
