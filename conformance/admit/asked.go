package admit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
	"github.com/govmydata/mydata/pkg/consent/envelope"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/transfer"
	"github.com/govmydata/mydata/pkg/dpop"
)

// asked is one release request in its parts, to be bent before it is signed.
type asked struct {
	b       *Bench
	person  string
	record  consent.Record
	Token   transfer.TokenClaims
	Sealed  transfer.Sealed
	Request string // the consumer's JWS
	claims  consent.RequestClaims
	Terms   consent.Terms
	opens   *envelope.PrivateKey
	sub     string
	salt    [32]byte
	proves  *ecdsa.PrivateKey // the key of proofs
	signs   crypto.Signer     // the token's
	kid     string
	typ     string
	target  string // the proof's
	idem    string
	raw     []byte // in place of the body
	media   string
	method  string
	edit    func(*http.Request)
	began   atomic.Bool // whether a byte of the last answer has come
}

// wanted is the plan's request; with release it is one that asks for fields.
func (b *Bench) wanted(sub string, salt [32]byte, public []byte) consent.RequestClaims {
	var claims []consent.RequestedClaim
	action := consent.ActionDerive
	for _, name := range b.plan.Claims {
		if _, ok := b.plan.DataSet.Derivation(name); !ok {
			action = consent.ActionRelease
		}
		claims = append(claims, consent.RequestedClaim{Name: name})
	}
	for _, name := range b.plan.Optional {
		claims = append(claims, consent.RequestedClaim{Name: name, Optional: true})
	}
	now := b.now().Unix()
	return consent.RequestClaims{
		Issuer: b.plan.Consumer, Audience: b.options.Issuer, IssuedAt: now, Expires: now + 3600, ID: rand.Text(),
		Subject: consent.SubjectCommitment(salt, sub), RecipientKey: consent.RecipientKey{KEM: envelope.KEM, Public: consent.Encode(public)},
		Details: []consent.Detail{{
			Type: consent.TransferType, Locations: []string{b.plan.Provider}, Actions: []string{action},
			DataTypes: []string{b.plan.DataSet.ID}, SchemaHash: b.plan.DataSet.Hash(), Claims: claims, Purpose: b.plan.Purpose.Code,
			MaxUses: 2, Validity: consent.Duration{Seconds: 86400}, Retention: "P1D", Jurisdiction: "KR",
			LegalBasis: consent.LegalBasis{Kind: consent.BasisConsent},
		}},
	}
}

// ask has a person grant what is asked for, save what is unticked, and takes the
// parts of its first use.
func (b *Bench) ask(ctx context.Context, person string, bend func(*consent.RequestClaims), unticked ...string) (*asked, error) {
	w := b.world
	sub, err := w.People.Pairwise(ctx, person, b.plan.Consumer)
	if err != nil {
		return nil, err
	}
	a := &asked{b: b, person: person, sub: sub}
	_, _ = rand.Read(a.salt[:])
	if a.opens, err = envelope.Generate(); err != nil {
		return nil, err
	}
	a.claims = b.wanted(sub, a.salt, a.opens.Public())
	if bend != nil {
		bend(&a.claims)
	}
	jws, err := consent.SignRequest(a.claims, w.Consumer.Key, w.Consumer.Chain)
	if err != nil {
		return nil, err
	}
	record, err := w.Ledger.Request(ctx, consent.Requested{Client: b.plan.Site.ClientID, Agency: b.plan.Consumer, JWS: jws, Sub: sub, Salt: a.salt})
	if err != nil {
		return nil, fmt.Errorf("the plan cannot be asked for: %w", err)
	}
	var ticked []string
	for _, c := range a.claims.Details[0].Claims {
		if !slices.Contains(unticked, c.Name) {
			ticked = append(ticked, c.Name)
		}
	}
	if a.record, err = w.Approve(ctx, record.Grant, person, b.people[person], ticked...); err != nil {
		return nil, err
	}
	return a, a.next(ctx)
}

// next takes the parts of the next use.
func (a *asked) next(ctx context.Context) error {
	n, err := a.b.world.Ledger.NextUse(ctx, a.record.Grant, a.b.plan.Site.ClientID)
	if err != nil {
		return err
	}
	return a.fill(ctx, n)
}

func (a *asked) fill(ctx context.Context, n consent.Authorized) error {
	w := a.b.world
	approved, err := receipt.Prove(ctx, w.Log, n.Approval)
	if err != nil {
		return err
	}
	salts, err := w.People.OrderSalts(ctx, approved.History)
	if err != nil {
		return err
	}
	there, err := w.People.Pairwise(ctx, a.person, a.b.plan.Provider)
	if err != nil {
		return err
	}
	if a.proves == nil {
		a.proves = consenttest.NewKey()
	}
	a.Request, a.Terms = n.Request, n.Terms
	a.Sealed = transfer.Sealed{Subject: there, OrderSalts: salts, SubjectSalt: consent.Encode(n.SubjectSalt[:]), Approval: approved}
	if a.b.plan.Resident {
		a.Sealed.ResidentID = a.person
	}
	a.signs, a.kid, a.typ, a.target = w.Hub, a.b.kid(), "at+jwt", a.b.options.URL
	a.idem, a.media, a.method, a.edit = rand.Text(), "application/json", http.MethodPost, func(*http.Request) {}
	now := a.b.now()
	a.Token = transfer.TokenClaims{Issuer: a.b.options.Issuer, Subject: a.sub, Audience: jwt.Audience{a.b.plan.Provider},
		ClientID: a.b.plan.Site.ClientID, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)), ID: rand.Text(),
		Details: []transfer.Detail{{Type: consent.TransferType, GrantID: string(a.record.Grant), Terms: n.Record.Terms, Use: n.Use, Consumer: a.b.plan.Consumer}}}
	return a.bind()
}

// bind binds the token to the key of proofs.
func (a *asked) bind() error {
	jkt, err := dpop.Thumbprint(jose.JSONWebKey{Key: a.proves.Public()})
	a.Token.Confirmation = transfer.Confirmation{JKT: jkt}
	return err
}

// clone is the same request to be bent, with an idempotency key of its own.
func (a *asked) clone() *asked {
	c := &asked{b: a.b, person: a.person, record: a.record, Token: a.Token, Sealed: a.Sealed, Request: a.Request, claims: a.claims, Terms: a.Terms,
		opens: a.opens, sub: a.sub, salt: a.salt, proves: a.proves, signs: a.signs, kid: a.kid, typ: a.typ, target: a.target,
		idem: rand.Text(), raw: a.raw, media: a.media, method: a.method, edit: a.edit}
	c.Token.Details = slices.Clone(a.Token.Details)
	c.claims.Details = slices.Clone(a.claims.Details)
	c.Terms.Claims, c.Terms.Fields = slices.Clone(a.Terms.Claims), slices.Clone(a.Terms.Fields)
	c.Token.ID = rand.Text()
	return c
}

// rerequest signs the consumer's request anew and has the terms follow it.
func (a *asked) rerequest(bend func(*consent.RequestClaims)) {
	bend(&a.claims)
	jws, err := consent.SignRequest(a.claims, a.b.world.Consumer.Key, a.b.world.Consumer.Chain)
	if err == nil {
		a.Request, a.Terms.Request = jws, consent.DigestOf(jws)
	}
}

// retoken has the token name the terms as they are now, as a lying hub would.
func (a *asked) retoken() {
	if d, err := a.Terms.Digest(); err == nil {
		a.Token.Details[0].Terms = consent.Encode(d[:])
	}
}

// reapprove has the citizen sign the terms as they are now, and the token name
// them: all is right but what the terms say.
func (a *asked) reapprove() { a.reapproveBy(a.b.people[a.person]) }

func (a *asked) reapproveBy(p *consenttest.Passkey) {
	if text, err := consent.Notice(a.Terms); err == nil {
		sum := sha256.Sum256(text)
		a.Terms.Notice.SHA256 = consent.Encode(sum[:])
	}
	a.retoken()
	if d, err := a.Terms.Digest(); err == nil {
		a.Sealed.Approval.Digests = []string{consent.Encode(d[:])}
		a.Sealed.Approval.Assertion = p.Sign(approval.Challenge([][32]byte{d}, [32]byte(a.Sealed.Approval.Nonce)))
	}
}

// token is the access token in its signed form.
func (a *asked) token() (string, error) {
	if a.Token.Sealed == "" {
		sealed, err := transfer.Seal(a.Sealed, a.b.world.Provider.EncryptionJWK())
		if err != nil {
			return "", err
		}
		a.Token.Sealed = sealed
	}
	return sign(a.signs, a.kid, a.typ, a.Token)
}

func sign(key crypto.Signer, kid, typ string, claims any) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	object, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return object.CompactSerialize()
}

// answer is what the agency answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// released says that sealed data came.
func (a answer) released() bool {
	if a.status >= 300 {
		return false
	}
	_, err := transfer.ParseReleaseAnswer(a.body)
	return err == nil
}

func (a answer) String() string {
	var p struct{ Code, Check string }
	if json.Unmarshal(a.body, &p) != nil || p.Code == "" {
		return fmt.Sprintf("status %d without a problem document", a.status)
	}
	return fmt.Sprintf("status %d, %s, check %q", a.status, p.Code, p.Check)
}

// request is the HTTP request, with a proof of its own.
func (a *asked) request(ctx context.Context) (*http.Request, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	raw := a.raw
	if raw == nil {
		terms, err := json.Marshal(a.Terms)
		if err != nil {
			return nil, err
		}
		if raw, err = json.Marshal(transfer.ReleaseRequest{Request: a.Request, Terms: terms, IdempotencyKey: a.idem}); err != nil {
			return nil, err
		}
	}
	maker, err := dpop.NewMaker(a.proves)
	if err != nil {
		return nil, err
	}
	maker.Now = a.b.now
	proof, err := maker.Proof(http.MethodPost, a.target, token, "")
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, a.method, a.b.options.URL, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", a.media)
	r.Header.Set("Accept", "application/json, application/problem+json")
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set(dpop.Header, proof)
	a.edit(r)
	return r, nil
}

// send sends it. An answer that is no release is kept for what must hold of all.
func (a *asked) send(ctx context.Context) (answer, error) {
	r, err := a.request(ctx)
	if err != nil {
		return answer{}, err
	}
	return a.b.exchange(r, a)
}

// freeze makes every later send the same bytes, each with a fresh proof.
func (a *asked) freeze(ctx context.Context) error {
	r, err := a.request(ctx)
	if err != nil {
		return err
	}
	if a.raw, err = io.ReadAll(r.Body); err != nil {
		return err
	}
	token := r.Header.Get("Authorization")
	a.edit = func(again *http.Request) {
		again.Header.Set("Authorization", token)
		maker, err := dpop.NewMaker(a.proves)
		if err != nil {
			return
		}
		maker.Now = a.b.now
		if proof, err := maker.Proof(http.MethodPost, a.target, token[len("DPoP "):], ""); err == nil {
			again.Header.Set(dpop.Header, proof)
		}
	}
	return nil
}

func (b *Bench) exchange(r *http.Request, a *asked) (answer, error) {
	if a != nil {
		a.began.Store(false)
		r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { a.began.Store(true) }}))
	}
	res, err := b.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("the agency does not answer: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, transfer.MaxReleaseAnswer+1))
	if err != nil {
		return answer{}, fmt.Errorf("the agency's answer breaks off: %w", err)
	}
	got := answer{res.StatusCode, res.Header, raw}
	if !got.released() {
		b.mu.Lock()
		b.refusals = append(b.refusals, got)
		b.mu.Unlock()
	}
	return got, nil
}

// open makes every check of a consumer, and answers the claims.
func (a *asked) open(got answer) (*transfer.Received, error) {
	if got.status != http.StatusOK {
		return nil, fmt.Errorf("it does not release: %s", got)
	}
	parsed, err := transfer.ParseReleaseAnswer(got.body)
	if err != nil {
		return nil, err
	}
	c := transfer.Consumer{Agency: a.b.plan.Consumer, Trust: a.b.world.Trust, Now: a.b.now}
	sent := transfer.Sent{Request: a.Request, Subject: a.sub, Salt: a.salt, Terms: a.Terms, Use: a.Token.Details[0].Use}
	received, ciphertext, err := c.CheckCommit(sent, parsed)
	if err != nil {
		return nil, err
	}
	plain, err := a.opens.Open(envelope.Binding{GrantID: string(a.record.Grant), Use: sent.Use, SchemaHash: a.Terms.DataSet.SchemaHash}, ciphertext)
	if err != nil {
		return nil, err
	}
	return received, c.CheckPlaintext(sent, received, plain)
}

// must sends it and opens the answer.
func (a *asked) must(ctx context.Context) (*transfer.Received, answer, error) {
	got, err := a.send(ctx)
	if err != nil {
		return nil, got, err
	}
	received, err := a.open(got)
	return received, got, err
}
