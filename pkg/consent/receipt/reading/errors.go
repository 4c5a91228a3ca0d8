package reading

import "fmt"

// What is checked before a receipt's own checks.
const (
	CheckReceipt = "receipt readable"
	CheckTrust   = "trust readable"
)

// MenderReader is who can mend it: whoever chose the file.
const MenderReader = "reader"

// Error says which check failed, why, and who can mend it.
type Error struct {
	Check  string `json:"check"`
	Cause  string `json:"cause"`
	Mender string `json:"mender"`
}

func (e *Error) Error() string { return e.Check + ": " + e.Cause }

func refuse(check, format string, args ...any) error {
	return &Error{Check: check, Cause: fmt.Sprintf(format, args...), Mender: MenderReader}
}
