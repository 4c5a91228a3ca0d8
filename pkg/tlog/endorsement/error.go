package endorsement

import "fmt"

// The checks of Verify, LoadTrust and the parsers, by name.
const (
	CheckForm          = "proof form"
	CheckTrust         = "trust folder"
	CheckFingerprint   = "trust fingerprint"
	CheckConfiguration = "channel configuration"
	CheckProposal      = "proposal form"
	CheckChannel       = "proposal channel"
	CheckChaincode     = "proposal chaincode"
	CheckFunction      = "proposal function"
	CheckArguments     = "proposal arguments"
	CheckTransaction   = "proposal transaction id"
	CheckInForce       = "configuration in force"
	CheckResponse      = "response form"
	CheckHash          = "proposal hash"
	CheckAnswer        = "answer of the chaincode"
	CheckWrites        = "answer writes nothing"
	CheckCommitted     = "answer read from committed state"
	CheckRecord        = "record"
	CheckEndorser      = "endorser form"
	CheckOrganisation  = "endorser's organisation"
	CheckSignature     = "endorser's signature"
	CheckChain         = "endorser's certificate chain"
	CheckValidity      = "endorser's certificate validity"
	CheckRole          = "endorser's role"
	CheckRevoked       = "endorser not revoked"
	CheckDistinct      = "one read of each organisation"
	CheckSame          = "same record from all"
	CheckQuorum        = "quorum of organisations"
)

// Who can mend what was refused.
const (
	MenderProver  = "whoever made the proof: ask the peers again"
	MenderTrust   = "whoever keeps the trust folder: idp anchor trust"
	MenderChannel = "the organisations of the channel"
)

// Error is a refusal: which check, why, and who can mend it.
type Error struct {
	Check, Cause, Mender string
	Read                 int // the read of the proof, from 1; 0 when it concerns none alone
}

func (e *Error) Error() string {
	if e.Read > 0 {
		return fmt.Sprintf("anchor: read %d: %s: %s", e.Read, e.Check, e.Cause)
	}
	return fmt.Sprintf("anchor: %s: %s", e.Check, e.Cause)
}

func refuse(check, mender, cause string, args ...any) *Error {
	return &Error{Check: check, Cause: fmt.Sprintf(cause, args...), Mender: mender}
}
