package account

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync/atomic"
)

// LiveRegister is a register that can be read anew while it is used. It has to be
// given one before.
type LiveRegister struct{ now atomic.Pointer[FileRegister] }

// Replace the register whole, and answer the one before, nil at first.
func (l *LiveRegister) Replace(by *FileRegister) *FileRegister { return l.now.Swap(by) }

// Resident of that id.
func (l *LiveRegister) Resident(ctx context.Context, id string) (Resident, error) {
	return l.now.Load().Resident(ctx, id)
}

// IDs of all residents, in the file's order.
func (l *LiveRegister) IDs() []string { return l.now.Load().IDs() }

// Basis names what the register says of a citizen, without saying it: two differ
// when anything in the entry does. It is derived with the citizen's own key.
func (a *Accounts) Basis(ctx context.Context, citizen string) (string, error) {
	row, err := a.store.Citizen(ctx, citizen)
	if err != nil {
		return "", fmt.Errorf("basis: %w", err)
	}
	r, err := a.register.Resident(ctx, row.Resident)
	if err != nil {
		return "", fmt.Errorf("basis: %w", err)
	}
	sum := tagged(row.Key, "register-entry", r.NameKo, r.NameLatin, r.FamilyName, r.GivenName, r.BirthDate, r.Sex, r.Address, r.ResidentNumber)
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
