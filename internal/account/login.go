package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/webauthn"
)

// NewBrowser makes the secret that binds a ceremony to one browser, to be kept
// in a cookie.
func NewBrowser() string { return random(32) }

// BeginLogin answers options for a discoverable passkey, in the form
// {"publicKey": …}; only that browser can finish it.
func (a *Accounts) BeginLogin(ctx context.Context, browser string) (json.RawMessage, error) {
	options, session, err := a.web.BeginDiscoverableLogin()
	if err != nil {
		return nil, fmt.Errorf("begin login: %w", err)
	}
	if err := a.put(ctx, kindLogin, browser, session.Challenge, challengeLife, ceremony{WebAuthn: *session}); err != nil {
		return nil, fmt.Errorf("begin login: %w", err)
	}
	return json.Marshal(options)
}

// FinishLogin checks the passkey's answer (WebAuthn Level 3, 7.2) and begins a
// session under a new token.
func (a *Accounts) FinishLogin(ctx context.Context, browser string, credential json.RawMessage) (token string, s Session, err error) {
	parsed, err := parseAssertion(credential)
	if err != nil {
		return "", Session{}, err
	}
	c, err := a.take(ctx, kindLogin, browser, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return "", Session{}, err
	}
	citizen := base64.RawURLEncoding.EncodeToString(parsed.Response.UserHandle)
	var lost error // the library would call it a wrong answer
	owner := func(_, _ []byte) (webauthn.User, error) {
		p, err := a.person(ctx, citizen)
		if err != nil && !errors.Is(err, ErrNotFound) {
			lost = err
		}
		return p, err
	}
	_, used, err := a.web.ValidatePasskeyLogin(owner, c.WebAuthn, parsed)
	if lost != nil {
		return "", Session{}, fmt.Errorf("finish login: %w", lost)
	}
	if err != nil {
		return "", Session{}, refused(err)
	}
	if err := a.touch(ctx, used); err != nil {
		return "", Session{}, err
	}
	return a.begin(ctx, citizen, used)
}

// touch keeps what the authenticator reported. A sign count that did not grow
// locks nobody out: synced passkeys have none.
func (a *Accounts) touch(ctx context.Context, used *webauthn.Credential) error {
	record, err := json.Marshal(used)
	if err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	if err := a.store.TouchPasskey(ctx, base64.RawURLEncoding.EncodeToString(used.ID), record, a.now()); err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	return nil
}

func (a *Accounts) begin(ctx context.Context, citizen string, with *webauthn.Credential) (string, Session, error) {
	token := random(32)
	now := a.now()
	row := SessionRow{
		Hash:     hashed(token),
		Citizen:  citizen,
		Passkey:  base64.RawURLEncoding.EncodeToString(with.ID),
		AuthTime: now,
		Expires:  now.Add(sessionLife),
		AMR:      methods(with),
	}
	if err := a.store.PutSession(ctx, row, now); err != nil {
		return "", Session{}, fmt.Errorf("begin session: %w", err)
	}
	return token, row.session(), nil
}

// methods in the words of RFC 8176: a passkey that can leave its device is a
// software-secured key; both need the verified user.
func methods(c *webauthn.Credential) []string {
	if c.Flags.BackupEligible {
		return []string{"swk", "user", "mfa"}
	}
	return []string{"hwk", "user", "mfa"}
}

func (r SessionRow) session() Session {
	return Session{r.Hash, r.Citizen, r.Passkey, r.AuthTime, r.Expires, r.AMR}
}

// Session of that token; ErrNotFound when there is none, or no more.
func (a *Accounts) Session(ctx context.Context, token string) (Session, error) {
	if token == "" {
		return Session{}, fmt.Errorf("session: %w", ErrNotFound)
	}
	row, err := a.store.Session(ctx, hashed(token), a.now())
	// A session of a clock that was ahead would live longer than it may.
	if err == nil && row.Expires.Sub(a.now()) > sessionLife+clockSkew {
		err = ErrNotFound
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	return row.session(), nil
}

// Lives says whether the session of that id goes on.
func (a *Accounts) Lives(ctx context.Context, id string) (bool, error) {
	row, err := a.store.Session(ctx, id, a.now())
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("session: %w", err)
	}
	return row.Expires.Sub(a.now()) <= sessionLife+clockSkew, nil
}

// LogoutAll ends every session of a citizen.
func (a *Accounts) LogoutAll(ctx context.Context, citizen string) error {
	return a.logoutAll(ctx, citizen, "")
}

// LogoutOthers ends every session of a citizen but this one.
func (a *Accounts) LogoutOthers(ctx context.Context, s Session) error {
	return a.logoutAll(ctx, s.Citizen, s.ID)
}

func (a *Accounts) logoutAll(ctx context.Context, citizen, but string) error {
	if err := a.store.EndSessions(ctx, citizen, but); err != nil {
		return fmt.Errorf("logout: %w", err)
	}
	return nil
}

// Logout ends the session of that token, if there is one.
func (a *Accounts) Logout(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	if err := a.store.EndSession(ctx, hashed(token)); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("logout: %w", err)
	}
	return nil
}
