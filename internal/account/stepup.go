package account

import (
	"context"
	"encoding/json"
	"fmt"
)

// kindStep is the ceremony of a confirmation within a session.
const kindStep = "step"

// BeginStep asks any living passkey of the session's citizen to confirm one
// thing, named by what: options in the form {"publicKey": …}, user verification
// required. ErrYoung while the passkeys may not approve.
func (a *Accounts) BeginStep(ctx context.Context, s Session, what string) (json.RawMessage, error) {
	p, err := a.person(ctx, s.Citizen)
	if err != nil {
		return nil, err
	}
	if err := a.mature(ctx, s.Citizen); err != nil {
		return nil, fmt.Errorf("confirmation: %w", err)
	}
	options, session, err := a.web.BeginLogin(p)
	if err != nil {
		return nil, fmt.Errorf("confirmation: %w", err)
	}
	if err := a.put(ctx, kindStep, stepOwner(s, what), session.Challenge, challengeLife, ceremony{WebAuthn: *session, Citizen: s.Citizen}); err != nil {
		return nil, fmt.Errorf("confirmation: %w", err)
	}
	return json.Marshal(options)
}

// FinishStep checks the passkey's answer (WebAuthn Level 3, 7.2). It holds once,
// for that session and that thing alone.
func (a *Accounts) FinishStep(ctx context.Context, s Session, what string, credential json.RawMessage) error {
	parsed, err := parseAssertion(credential)
	if err != nil {
		return err
	}
	c, err := a.take(ctx, kindStep, stepOwner(s, what), parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return err
	}
	p, err := a.person(ctx, s.Citizen)
	if err != nil {
		return err
	}
	if err := a.mature(ctx, s.Citizen); err != nil {
		return fmt.Errorf("confirmation: %w", err)
	}
	used, err := a.web.ValidateLogin(p, c.WebAuthn, parsed)
	if err != nil {
		return refused(err)
	}
	return a.touch(ctx, used)
}

func stepOwner(s Session, what string) string { return s.ID + "\x00" + what }

// Mature is nil when the citizen's passkeys may approve, and ErrYoung for a
// while after the last officers' order.
func (a *Accounts) Mature(ctx context.Context, citizen string) error { return a.mature(ctx, citizen) }
