package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/mail"
	"strings"
	"time"
)

// The channels by which a citizen may hear.
const (
	ChannelPush = "push"
	ChannelMail = "mail"
	ChannelFile = "file" // in development
)

// The refusals of a choice.
var (
	ErrNoChoice = errors.New("notify: this person chose no channel")
	ErrChannel  = errors.New("notify: there is no such channel here")
	ErrAddress  = errors.New("notify: this is no address")
	ErrUnsent   = errors.New("notify: mail cannot be sent now")
	ErrCode     = errors.New("notify: the code is wrong, or too old, or was tried too often")
)

// The bounds of the code that proves an address.
const (
	codeLife  = 30 * time.Minute
	codeTries = 5
	codePause = time.Minute // between two codes
)

// Choice is how a citizen wants to hear. While Code is set the address is not
// proven, and nothing is sent there but the code.
type Choice struct {
	Citizen string
	Channel string
	Lang    string
	Address []byte // an e-mail address, or a push subscription as the browser gave it

	Code      string // hash of the code
	CodeUntil time.Time
	CodeTries int
	Told      time.Time // when something was sent last
}

// Choices keeps them. All methods may run at once; what they write is durable on
// return. Another error than ErrNoChoice means that the outcome is unknown.
type Choices interface {
	// Choice answers ErrNoChoice for who has none.
	Choice(ctx context.Context, citizen string) (Choice, error)
	// PutChoice replaces an earlier one.
	PutChoice(ctx context.Context, c Choice) error
	// TryCode counts a try before it is made.
	TryCode(ctx context.Context, citizen string) (tries int, err error)
	// NoteTold notes when something was sent.
	NoteTold(ctx context.Context, citizen string, at time.Time) error
	// DropChoice forgets one; with an address only if it is still that one.
	DropChoice(ctx context.Context, citizen string, address []byte) error
}

// Choice is what a citizen chose.
func (m *Messages) Choice(ctx context.Context, citizen string) (Choice, error) {
	return m.Choices.Choice(ctx, citizen)
}

// Channels are those that there are here.
func (m *Messages) Channels() (all []string) {
	if m.Push != nil {
		all = append(all, ChannelPush)
	}
	if m.Mail != nil {
		all = append(all, ChannelMail)
	}
	if m.File != nil {
		all = append(all, ChannelFile)
	}
	return all
}

// Choose takes a choice; channel "" is none. An e-mail address is sent a code
// first, at most one a minute, and Confirm ends that. It says whether a code is to
// come.
func (m *Messages) Choose(ctx context.Context, citizen, channel, lang, address string) (confirm bool, err error) {
	if lang != "ko" {
		lang = "en"
	}
	code, err := m.choose(ctx, Choice{Citizen: citizen, Channel: channel, Lang: lang, Address: []byte(address)})
	if err != nil || code == "" {
		return false, err
	}
	err = m.Mail.Send(ctx, address, texts[lang].codeSubject, fmt.Sprintf(texts[lang].code, code, m.Hub))
	if err != nil && !errors.Is(err, ErrAddress) {
		err = fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	return true, err
}

// choose keeps a choice, one after the other, and answers the code to send, if any.
func (m *Messages) choose(ctx context.Context, c Choice) (code string, err error) {
	m.choosing.Lock()
	defer m.choosing.Unlock()
	was, err := m.Choices.Choice(ctx, c.Citizen)
	if err != nil && !errors.Is(err, ErrNoChoice) {
		return "", err
	}
	c.Told = was.Told
	switch {
	case c.Channel == "" && m.justTold(was):
		c.Address = []byte{} // when something was sent is known a little longer: the next signal drops the row
	case c.Channel == "":
		return "", m.Choices.DropChoice(ctx, c.Citizen, nil)
	case c.Channel == ChannelFile && m.File != nil:
		c.Address = []byte{}
	case c.Channel == ChannelPush && m.Push != nil:
		if err := checkSubscription(c.Address); err != nil {
			return "", err
		}
	case c.Channel == ChannelMail && m.Mail != nil:
		return m.prove(ctx, c, was)
	default:
		return "", ErrChannel
	}
	return "", m.Choices.PutChoice(ctx, c)
}

// prove makes a code for a new address. was is the choice before, zero where there
// was none.
func (m *Messages) prove(ctx context.Context, c, was Choice) (code string, err error) {
	at, err := mail.ParseAddress(string(c.Address))
	if err != nil || at.Name != "" || at.Address != string(c.Address) || len(at.Address) > 254 || strings.ContainsAny(at.Address, "\r\n\x00 ") {
		return "", ErrAddress
	}
	switch {
	case was.Channel == ChannelMail && was.Code == "" && string(was.Address) == at.Address:
		was.Lang = c.Lang
		return "", m.Choices.PutChoice(ctx, was)
	case m.justTold(was):
		return "", ErrTooSoon
	}
	if code, err = newCode(); err != nil {
		return "", err
	}
	now := m.Now()
	c.Code, c.CodeUntil, c.Told = hashCode(c.Citizen, code), now.Add(codeLife), now
	return code, m.Choices.PutChoice(ctx, c)
}

// justTold says that something was sent within the pause between two codes.
func (m *Messages) justTold(c Choice) bool {
	now := m.Now()
	return now.Sub(c.Told) < codePause && !c.Told.After(now)
}

// ErrTooSoon says that a code was sent just now.
var ErrTooSoon = errors.New("notify: a code was sent just now")

// Confirm proves an address by the code that was sent there.
func (m *Messages) Confirm(ctx context.Context, citizen, code string) error {
	c, err := m.Choices.Choice(ctx, citizen)
	if err != nil {
		return err
	}
	if c.Code == "" {
		return nil
	}
	tries, err := m.Choices.TryCode(ctx, citizen)
	if err != nil {
		return err
	}
	if tries > codeTries || !m.Now().Before(c.CodeUntil) ||
		subtle.ConstantTimeCompare([]byte(hashCode(citizen, strings.TrimSpace(code))), []byte(c.Code)) != 1 {
		return ErrCode
	}
	c.Code, c.CodeTries = "", 0
	return m.Choices.PutChoice(ctx, c)
}

func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08d", n), nil
}

func hashCode(citizen, code string) string {
	sum := sha256.Sum256([]byte("mydata/notice-code/v1\x00" + citizen + "\x00" + code))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
