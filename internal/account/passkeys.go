package account

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/govmydata/mydata/pkg/consent/approval"
)

// Passkeys of a citizen that live, oldest first.
func (a *Accounts) Passkeys(ctx context.Context, citizen string) ([]Passkey, error) {
	rows, err := a.store.Passkeys(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	var out []Passkey
	for _, row := range rows {
		p := Passkey{ID: row.ID, Device: row.Device, Added: row.Added, LastUsed: row.LastUsed}
		var c webauthn.Credential
		if err := errors.Join(json.Unmarshal(row.JWK, &p.Key), json.Unmarshal(row.Credential, &c)); err != nil {
			return nil, fmt.Errorf("passkeys: %w", err)
		}
		p.Synced = c.Flags.BackupState
		out = append(out, p)
	}
	return out, nil
}

// History is all passkey events of a citizen with their salts, for
// approval.VerifyHistory; the caller adds the proofs of the log.
func (a *Accounts) History(ctx context.Context, citizen string) ([]approval.KeyRecord, error) {
	rows, err := a.store.Events(ctx, citizen)
	if err != nil {
		return nil, fmt.Errorf("passkey history: %w", err)
	}
	return recorded(rows)
}

func recorded(rows []EventRow) (out []approval.KeyRecord, err error) {
	for _, row := range rows {
		rec, err := row.record()
		if err != nil {
			return nil, fmt.Errorf("passkey history: %w", err)
		}
		out = append(out, rec)
	}
	return out, nil
}

// BeginAdd answers options to make another passkey: the first of two steps.
func (a *Accounts) BeginAdd(ctx context.Context, s Session) (json.RawMessage, error) {
	resident, err := a.Resident(ctx, s.Citizen)
	if err != nil {
		return nil, fmt.Errorf("begin add: %w", err)
	}
	options, session, err := a.creation(ctx, s.Citizen, label(resident))
	if err != nil {
		return nil, err
	}
	err = a.put(ctx, kindAdd, s.ID, session.Challenge, challengeLife, ceremony{WebAuthn: *session, Citizen: s.Citizen})
	if err != nil {
		return nil, fmt.Errorf("begin add: %w", err)
	}
	return json.Marshal(options)
}

// FinishAdd checks the new passkey and keeps it, powerless, for ten minutes until
// a living one signs for it.
func (a *Accounts) FinishAdd(ctx context.Context, s Session, userAgent string, credential json.RawMessage) (change string, err error) {
	parsed, err := parseCreation(credential)
	if err != nil {
		return "", err
	}
	c, err := a.take(ctx, kindAdd, s.ID, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return "", err
	}
	made, _, err := a.created(c, parsed)
	if err != nil {
		return "", err
	}
	mine, err := a.store.Passkeys(ctx, s.Citizen)
	if err != nil {
		return "", fmt.Errorf("finish add: %w", err)
	}
	change = random(16)
	err = a.put(ctx, kindChange, s.ID, change, changeLife,
		ceremony{Citizen: s.Citizen, Credential: made, Device: distinct(deviceName(userAgent, made), mine)})
	return change, err
}

// Change is a passkey that waits, and the one that must sign for it.
type Change struct{ Device, Signer string }

// Change of that id, for the session that began it.
func (a *Accounts) Change(ctx context.Context, s Session, id string) (Change, error) {
	c, err := a.peek(ctx, kindChange, s.ID, id)
	if err != nil {
		return Change{}, err
	}
	signer, _, err := a.signer(ctx, s, "")
	return Change{c.Device, signer.Device}, err
}

// Remover is the passkey that must sign for the removal of another: the one of
// this session, or, when that one goes, the last used of the others.
// ErrLastPasskey when there is no other, ErrNotFound when it is not the person's.
func (a *Accounts) Remover(ctx context.Context, s Session, passkey string) (Passkey, error) {
	signer, _, err := a.signer(ctx, s, passkey)
	return signer, err
}

// signer chooses who signs, and answers also the passkey that goes.
func (a *Accounts) signer(ctx context.Context, s Session, going string) (signer, gone Passkey, err error) {
	all, err := a.Passkeys(ctx, s.Citizen)
	if err != nil {
		return Passkey{}, Passkey{}, err
	}
	for _, p := range all {
		switch {
		case p.ID == going:
			gone = p
		case signer.ID == "", p.ID == s.Passkey:
			signer = p
		case signer.ID != s.Passkey && p.LastUsed.After(signer.LastUsed):
			signer = p
		}
	}
	switch {
	case going != "" && gone.ID == "":
		return signer, gone, fmt.Errorf("passkey: %w", ErrNotFound)
	case going != "" && signer.ID == "":
		return signer, gone, ErrLastPasskey
	case signer.ID == "":
		return signer, gone, fmt.Errorf("passkey: %w", ErrNotFound)
	}
	return signer, gone, nil
}

// BeginConfirm answers options for the living passkey that signs a waiting one
// in: the second step of adding.
func (a *Accounts) BeginConfirm(ctx context.Context, s Session, change string) (json.RawMessage, error) {
	c, err := a.peek(ctx, kindChange, s.ID, change)
	if err != nil {
		return nil, err
	}
	key, err := publicJWK(c.Credential.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAssertion, err)
	}
	signer, _, err := a.signer(ctx, s, "")
	if err != nil {
		return nil, err
	}
	c.Change = change
	return a.confirm(ctx, s, signer, approval.OpAdd, key, c)
}

// BeginRemove answers options for the passkey that signs the removal of another.
func (a *Accounts) BeginRemove(ctx context.Context, s Session, passkey string) (json.RawMessage, error) {
	if passkey == "" {
		return nil, fmt.Errorf("passkey: %w", ErrNotFound)
	}
	signer, gone, err := a.signer(ctx, s, passkey)
	if err != nil {
		return nil, err
	}
	return a.confirm(ctx, s, signer, approval.OpRemove, gone.Key, ceremony{Citizen: s.Citizen, Remove: passkey})
}

// confirm asks the signer for the challenge of a new key event.
func (a *Accounts) confirm(ctx context.Context, s Session, signer Passkey, op string, key jose.JSONWebKey, c ceremony) (json.RawMessage, error) {
	e, err := a.nextEvent(ctx, s.Citizen)
	if err != nil {
		return nil, err
	}
	var nonce [32]byte
	_, _ = rand.Read(nonce[:])
	e.Op, e.Key = op, &key
	e.By = approval.By{Kind: approval.ByPasskey, Key: signer.Key.KeyID, Nonce: nonce[:]}
	p, err := a.person(ctx, s.Citizen)
	if err != nil {
		return nil, err
	}
	p.credentials = only(p.credentials, signer.ID)
	challenge := e.Challenge()
	options, session, err := a.web.BeginLogin(p, webauthn.WithChallenge(challenge[:]))
	if err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	c.WebAuthn, c.Event = *session, &e
	if err := a.put(ctx, kindConfirm, s.ID, session.Challenge, challengeLife, c); err != nil {
		return nil, fmt.Errorf("confirm: %w", err)
	}
	return json.Marshal(options)
}

func only(all []webauthn.Credential, id string) []webauthn.Credential {
	for _, c := range all {
		if base64.RawURLEncoding.EncodeToString(c.ID) == id {
			return []webauthn.Credential{c}
		}
	}
	return nil
}

// FinishChange checks the signature over the key event and commits the event
// with its leaf: the waiting passkey lives, or the unwanted one ends.
// ErrConflict when the passkeys changed meanwhile: begin again.
func (a *Accounts) FinishChange(ctx context.Context, s Session, credential json.RawMessage) error {
	parsed, err := parseAssertion(credential)
	if err != nil {
		return err
	}
	c, err := a.take(ctx, kindConfirm, s.ID, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return err
	}
	p, err := a.person(ctx, s.Citizen)
	if err != nil {
		return err
	}
	used, err := a.web.ValidateLogin(p, c.WebAuthn, parsed)
	if err != nil {
		return refused(err)
	}
	e := *c.Event
	assertion := evidence(parsed)
	e.By.Assertion = &assertion
	if err := a.replay(ctx, s.Citizen, e); err != nil {
		return err
	}
	citizen, err := a.store.Citizen(ctx, s.Citizen)
	if err != nil {
		return fmt.Errorf("change: %w", err)
	}
	out := Commit{ID: "account/change/" + c.WebAuthn.Challenge, At: a.now()}
	if c.Remove != "" {
		out.End = []string{c.Remove}
	} else if _, err := a.take(ctx, kindChange, s.ID, c.Change); err != nil {
		return err
	}
	if out, err = a.withEvent(out, citizen, e, c.Credential, c.Device); err != nil {
		return err
	}
	if err := a.commit(ctx, out); err != nil {
		return fmt.Errorf("change: %w", err)
	}
	if c.Remove != "" && a.ended != nil {
		a.ended(ctx, s.Citizen)
	}
	return a.touch(ctx, used)
}

// replay holds the whole history with the new event against the rule that
// agencies will hold it against; what they would refuse is not committed.
func (a *Accounts) replay(ctx context.Context, citizen string, e approval.KeyEvent) error {
	records, err := a.History(ctx, citizen)
	if err != nil {
		return err
	}
	if e.Seq != int64(len(records))+1 {
		return ErrConflict
	}
	records = append(records, approval.KeyRecord{Event: e})
	if _, err := approval.VerifyHistory(records, a.rp, a.officers); err != nil {
		return fmt.Errorf("%w: %w", ErrAssertion, err)
	}
	return nil
}
