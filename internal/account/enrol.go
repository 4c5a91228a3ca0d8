package account

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/tlog"
)

// BeginEnrolment answers creation options, {"publicKey": …}, to whoever brings a
// good code. Wrong codes cost the address; a good one has five tries, and a code
// that was good once costs nothing: who repeats it after a lost answer, or in an
// office of many, is no guesser.
func (a *Accounts) BeginEnrolment(ctx context.Context, browser, address, typed string) (json.RawMessage, error) {
	giveBack, err := a.spendGuess(ctx, address)
	if err != nil {
		return nil, err
	}
	hash := approval.CodeHash(canonicalCode(typed))
	order, err := a.store.TryOrder(ctx, hash, a.now(), codeTries)
	spent := errors.Is(err, ErrNotFound)
	if spent {
		_, err = a.store.Order(ctx, hash)
		if errors.Is(err, ErrNotFound) {
			return nil, ErrCode
		}
	}
	// A failure of ours is no wrong guess, nor is a letter that is spent.
	if err := errors.Join(err, giveBack()); err != nil {
		return nil, fmt.Errorf("begin enrolment: %w", err)
	}
	if spent {
		return nil, ErrCode
	}
	resident, err := a.register.Resident(ctx, order.Resident)
	if err != nil {
		return nil, fmt.Errorf("begin enrolment: %w", err)
	}
	citizen, err := a.enrolling(ctx, order)
	if err != nil {
		return nil, err
	}
	options, session, err := a.creation(ctx, citizen, label(resident))
	if err != nil {
		return nil, err
	}
	err = a.put(ctx, kindEnrol, browser, session.Challenge, challengeLife,
		ceremony{WebAuthn: *session, Citizen: citizen, CodeHash: hash})
	if err != nil {
		return nil, fmt.Errorf("begin enrolment: %w", err)
	}
	return json.Marshal(options)
}

// enrolling is the id of the citizen to be: an old one after a loss.
func (a *Accounts) enrolling(ctx context.Context, order OrderRow) (string, error) {
	row, began, err := a.known(ctx, order.Resident)
	switch {
	case err != nil:
		return "", fmt.Errorf("begin enrolment: %w", err)
	case began && !order.Replace:
		return "", ErrCode
	case row.ID == "":
		return random(32), nil
	}
	return row.ID, nil
}

func (a *Accounts) creation(ctx context.Context, citizen, name string) (*protocol.CredentialCreation, *webauthn.SessionData, error) {
	p, err := a.person(ctx, citizen)
	if err != nil {
		return nil, nil, err
	}
	p.name = name
	var known []protocol.CredentialDescriptor
	for _, c := range p.credentials {
		known = append(known, c.Descriptor())
	}
	options, session, err := a.web.BeginRegistration(p,
		webauthn.WithExclusions(known), webauthn.WithCredentialParameters(parameters()))
	if err != nil {
		return nil, nil, fmt.Errorf("creation options: %w", err)
	}
	return options, session, nil
}

// FinishEnrolment checks the new passkey (WebAuthn Level 3, 7.1), commits it
// with its event and leaf, and begins a session.
func (a *Accounts) FinishEnrolment(ctx context.Context, browser, typed, userAgent string, credential json.RawMessage) (token string, s Session, err error) {
	parsed, err := parseCreation(credential)
	if err != nil {
		return "", Session{}, err
	}
	c, err := a.take(ctx, kindEnrol, browser, parsed.Response.CollectedClientData.Challenge)
	if err != nil {
		return "", Session{}, err
	}
	code := canonicalCode(typed)
	if approval.CodeHash(code) != c.CodeHash {
		return "", Session{}, ErrCode
	}
	made, key, err := a.created(c, parsed)
	if err != nil {
		return "", Session{}, err
	}
	commit, err := a.enrolment(ctx, c, code, made, key, deviceName(userAgent, made))
	if err != nil {
		return "", Session{}, err
	}
	if commit.EndAll != "" {
		if err := a.replaced(ctx, commit.EndAll); err != nil {
			return "", Session{}, fmt.Errorf("finish enrolment: %w", err)
		}
	}
	if err := a.commit(ctx, commit); err != nil {
		return "", Session{}, fmt.Errorf("finish enrolment: %w", err)
	}
	return a.begin(ctx, c.Citizen, made)
}

// created checks a creation and its key.
func (a *Accounts) created(c ceremony, parsed *protocol.ParsedCredentialCreationData) (*webauthn.Credential, jose.JSONWebKey, error) {
	id, err := base64.RawURLEncoding.DecodeString(c.Citizen)
	if err != nil {
		return nil, jose.JSONWebKey{}, fmt.Errorf("citizen: %w", err)
	}
	made, err := a.web.CreateCredential(&person{id: id}, c.WebAuthn, parsed)
	if err != nil {
		return nil, jose.JSONWebKey{}, refused(err)
	}
	key, err := publicJWK(made.PublicKey)
	if err != nil {
		return nil, jose.JSONWebKey{}, fmt.Errorf("%w: %w", ErrAssertion, err)
	}
	return made, key, nil
}

// enrolment is the commit of a passkey that officers ordered.
func (a *Accounts) enrolment(ctx context.Context, c ceremony, code string, made *webauthn.Credential, key jose.JSONWebKey, device string) (Commit, error) {
	order, err := a.store.Order(ctx, c.CodeHash)
	if err != nil {
		return Commit{}, fmt.Errorf("finish enrolment: %w", err)
	}
	now := a.now()
	if order.Used || !now.Before(order.Expires) {
		return Commit{}, ErrCode
	}
	out := Commit{ID: "account/enrol/" + c.CodeHash, UseCode: c.CodeHash, At: now}
	citizen, began, err := a.known(ctx, order.Resident)
	switch {
	case err != nil:
		return Commit{}, fmt.Errorf("finish enrolment: %w", err)
	case citizen.ID == "":
		citizen = newCitizen(c.Citizen, order.Resident, now)
		out.Citizen = &citizen
	case began && !order.Replace:
		return Commit{}, ErrCode
	case citizen.ID != c.Citizen: // admitted at the counter meanwhile
		return Commit{}, ErrConflict
	case order.Replace:
		out.EndAll = citizen.ID
	}
	event, err := a.nextEvent(ctx, citizen.ID)
	if err != nil {
		return Commit{}, err
	}
	event.Op, event.Key = approval.OpAdd, &key
	event.By = approval.By{Kind: approval.ByOfficers, Orders: order.Orders, Code: code}
	return a.withEvent(out, citizen, event, made, device)
}

// nextEvent is the frame of a citizen's next passkey event.
func (a *Accounts) nextEvent(ctx context.Context, citizen string) (approval.KeyEvent, error) {
	events, err := a.store.Events(ctx, citizen)
	if err != nil {
		return approval.KeyEvent{}, fmt.Errorf("passkey events: %w", err)
	}
	e := approval.KeyEvent{Seq: int64(len(events)) + 1, At: a.now().UTC().Truncate(time.Second)}
	if len(events) > 0 {
		last, err := events[len(events)-1].record()
		if err != nil {
			return e, fmt.Errorf("passkey events: %w", err)
		}
		if last.Event.At.After(e.At) { // a clock that went back must not break the history
			e.At = last.Event.At
		}
	}
	return e, nil
}

// withEvent completes a commit by the finished event, its leaf and, when one was
// made, the passkey.
func (a *Accounts) withEvent(c Commit, citizen CitizenRow, e approval.KeyEvent, made *webauthn.Credential, device string) (Commit, error) {
	digest, err := e.Digest()
	if err != nil {
		return c, fmt.Errorf("passkey event: %w", err)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return c, fmt.Errorf("passkey event: %w", err)
	}
	salt := saltOf(citizen.Key, fmt.Sprintf("%s/%d", approval.LeafDomain, e.Seq))
	c.Event = &EventRow{citizen.ID, e.Seq, body, salt[:]}
	c.Leaves = [][]byte{tlog.Commitment(approval.LeafDomain, salt, digest)}
	if made == nil {
		return c, nil
	}
	record, err := json.Marshal(made)
	if err != nil {
		return c, fmt.Errorf("passkey: %w", err)
	}
	jwk, err := json.Marshal(e.Key)
	if err != nil {
		return c, fmt.Errorf("passkey: %w", err)
	}
	c.Passkey = &PasskeyRow{
		ID: base64.RawURLEncoding.EncodeToString(made.ID), Citizen: citizen.ID,
		Credential: record, JWK: jwk, Device: device, Added: c.At, LastUsed: c.At,
	}
	return c, nil
}

// commit tries again, with the same id, while the outcome is unknown.
func (a *Accounts) commit(ctx context.Context, c Commit) error {
	var err error
	for range 3 {
		if err = a.store.Commit(ctx, c); err == nil || errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
