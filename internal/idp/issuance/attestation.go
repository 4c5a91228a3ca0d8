package issuance

import (
	"fmt"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// proofTypes are those of a configuration (OpenID4VCI 1.0, 12.2.4): a jwt, and,
// where the operator trusts somebody to vouch for keys, an attestation alone.
func (h *Handler) proofTypes(config string) map[string]openid4vci.ProofType {
	asked := h.KeyAttestations[config]
	kind := openid4vci.ProofType{ProofSigningAlgValuesSupported: []string{"ES256"}, KeyAttestationsRequired: asked.Metadata()}
	if asked == nil {
		return map[string]openid4vci.ProofType{"jwt": kind}
	}
	return map[string]openid4vci.ProofType{"jwt": kind, "attestation": kind}
}

// CheckKeyAttestations refuses to ask for attestations of what is not issued
// here: whoever wrote that believes in a rule that does not hold.
func (h *Handler) CheckKeyAttestations() error {
	issued := h.Metadata().CredentialConfigurationsSupported
	for config := range h.KeyAttestations {
		if _, ok := issued[config]; !ok {
			return fmt.Errorf("key_attestations: no credential configuration %q", config)
		}
	}
	return nil
}
