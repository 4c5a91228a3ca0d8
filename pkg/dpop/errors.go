package dpop

// CheckNonce names the check that a client repairs by taking the nonce of the
// answer and trying again.
const CheckNonce = "nonce"

// Error is a proof refused: which check, and why, in words for the client's
// programmer.
type Error struct {
	Check string
	Cause string
	err   error
}

func refuse(check, cause string) error { return &Error{Check: check, Cause: cause} }

// Error is the check and its cause.
func (e *Error) Error() string { return "dpop: " + e.Check + ": " + e.Cause }

// Unwrap is what Replay said.
func (e *Error) Unwrap() error { return e.err }

// Code is the error code of RFC 9449, 5 (invalid_dpop_proof) or 8 (use_dpop_nonce).
func (e *Error) Code() string {
	if e.Check == CheckNonce {
		return "use_dpop_nonce"
	}
	return "invalid_dpop_proof"
}
