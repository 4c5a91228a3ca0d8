package account

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// A code of twelve characters from an alphabet of 31 without look-alikes has 59
// bits: guessing is hopeless long before its seven days end.
const (
	codeAlphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
	codeLength   = 12
	codeTries    = 5

	guesses      = 5 // wrong codes per address
	guessWindow  = 15 * time.Minute
	guessPurpose = "enrolment code "
)

// CodeLife is how long the code of a letter is good.
const CodeLife = 7 * 24 * time.Hour

// newCode is uniformly random: bytes that would favour the alphabet's beginning
// are thrown away.
func newCode() string {
	var out strings.Builder
	limit := byte(256 - 256%len(codeAlphabet))
	for out.Len() < codeLength {
		var b [32]byte
		_, _ = rand.Read(b[:])
		for _, c := range b {
			if c < limit && out.Len() < codeLength {
				out.WriteByte(codeAlphabet[int(c)%len(codeAlphabet)])
			}
		}
	}
	return out.String()
}

// canonicalCode is a code as a person may type it: lower case, with hyphens or
// spaces. Anything that cannot be a code is the empty string.
func canonicalCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	code := strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\u2013", "", "\t", "").Replace(typed))
	if len(code) != codeLength || strings.Trim(code, codeAlphabet) != "" {
		return ""
	}
	return code
}

// spendGuess takes one guess from the address before the code is looked at, so
// that guesses at the same moment count too; the answer gives it back.
func (a *Accounts) spendGuess(ctx context.Context, address string) (giveBack func() error, err error) {
	start := a.now().Truncate(guessWindow)
	n, err := a.store.Spend(ctx, guessPurpose+hashed(address), start, 1)
	if err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	if n > guesses {
		return nil, ErrTooMany
	}
	return func() error {
		_, err := a.store.Spend(ctx, guessPurpose+hashed(address), start, -1)
		return err
	}, nil
}
