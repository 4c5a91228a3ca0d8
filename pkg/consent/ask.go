package consent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Requested is what a consumer pushes: its signed request, and the opening of
// the commitment to its logged-in person, which stays at the hub.
type Requested struct {
	Client string // OAuth client, to whom alone tokens will be given
	Agency string // the agency this client belongs to
	JWS    string
	Sub    string
	Salt   [32]byte
}

// Request takes one request in: signature, chain, audience, time, subject,
// catalogue and bounds. The same request again answers the same record.
func (l *Ledger) Request(ctx context.Context, in Requested) (Record, error) {
	all, err := l.RequestAll(ctx, []Requested{in})
	if err != nil {
		return Record{}, err
	}
	return all[0], nil
}

// prepared is a request that passed every check.
type prepared struct {
	in      Requested
	claims  RequestClaims
	citizen string
}

// prepare makes every check of a request and keeps nothing.
func (l *Ledger) prepare(ctx context.Context, in Requested) (prepared, error) {
	claims, err := l.checkRequest(in)
	if err != nil {
		return prepared{}, err
	}
	citizen, err := l.People.CitizenBySub(ctx, in.Agency, in.Sub)
	if errors.Is(err, ErrNobody) {
		return prepared{}, refuse("subject", "the person is not known here: %v", err)
	}
	if err != nil {
		return prepared{}, fmt.Errorf("subject: %w", err)
	}
	old, err := l.amended(ctx, claims, citizen, in.Client)
	if err != nil {
		return prepared{}, err
	}
	terms := l.outline(GrantOf(claims.Digest), claims, old)
	terms.Notice.Lang = "en"
	if _, err := l.complete(terms, claims, allClaims(claims)); err != nil {
		return prepared{}, err
	}
	return prepared{in, claims, citizen}, nil
}

// request keeps a request that was prepared.
func (l *Ledger) request(ctx context.Context, p prepared) (Record, error) {
	id := GrantOf(p.claims.Digest)
	event := Event{
		Grant: id, Kind: KindRequested, By: "consumer", Citizen: p.citizen, Request: p.claims.Digest,
		Consumer: p.claims.Issuer, Provider: p.claims.Detail().Locations[0], Expires: p.claims.Expires, Supersedes: p.claims.Detail().Supersedes,
		Evidence: Evidence{Client: p.in.Client, Request: p.in.JWS, Sub: p.in.Sub, SubSalt: p.in.Salt[:]},
	}
	// It is new as far as its caller knows: one that is there is a conflict, or again.
	all, err := l.decideAll(ctx, []GrantID{id}, make([]account, 1), []byte(p.in.JWS), func(now []account) ([]Event, string, bool, error) {
		return []Event{event}, "requested/" + string(id), now[0].record.Seq > 0, nil
	})
	if err != nil {
		return Record{}, err
	}
	r := all[0].record
	switch {
	case r.Seq == 0: // it was there, and is erased
	case r.Citizen != p.citizen || r.Client != p.in.Client:
		return Record{}, refuse("request", "it was made by another")
	case r.Reading(l.Now()).State != StateRequested:
		return Record{}, ErrDecided
	}
	return r, nil
}

// checkRequest is everything that can be said without asking anybody.
func (l *Ledger) checkRequest(in Requested) (RequestClaims, error) {
	claims, err := l.openRequest(in.JWS)
	if err != nil {
		return claims, err
	}
	now := l.Now().Unix()
	want := SubjectCommitment(in.Salt, in.Sub)
	switch {
	case in.Agency == "" || claims.Issuer != in.Agency:
		return claims, refuse("iss", "the client's agency is %q, the request is signed by %q", in.Agency, claims.Issuer)
	case claims.Audience != l.Issuer:
		return claims, refuse("aud", "%q is not this hub", claims.Audience)
	case claims.IssuedAt > now+int64(clockSkew/time.Second):
		return claims, refuse("iat", "the request is from the future")
	case claims.Expires <= now:
		return claims, refuse("exp", "the request has expired")
	}
	if err := claims.CheckShape(); err != nil {
		return claims, err
	}
	if in.Sub == "" || subtle.ConstantTimeCompare([]byte(want), []byte(claims.Subject)) != 1 {
		return claims, refuse("subject", "the opening does not fit the commitment in the request")
	}
	return claims, nil
}

// GrantOf names the grant after the digest of its request, so that a retry
// finds it, and a consumer knows it beforehand.
func GrantOf(request string) GrantID {
	sum := sha256.Sum256([]byte("mydata/grant/v1\x00" + request))
	return GrantID(Encode(sum[:]))
}

func allClaims(c RequestClaims) []string {
	var names []string
	for _, claim := range c.Detail().Claims {
		names = append(names, claim.Name)
	}
	return names
}

// Offer is a request as the page shows it: Terms has every claim asked for, and
// neither subjects nor a notice digest yet.
type Offer struct {
	Record  Record
	Request RequestClaims
	Terms   Terms
	Before  *Terms // the version that it would replace; nil where it is no amendment

	loaded account
}

// Offer answers a request to the person it concerns, in a language. ErrForeign
// to anybody else; ErrDecided, ErrExpired where there is nothing to decide.
func (l *Ledger) Offer(ctx context.Context, id GrantID, citizen, lang string) (Offer, error) {
	r, events, err := l.own(ctx, id, citizen)
	if err != nil {
		return Offer{}, err
	}
	loaded := account{record: r, events: events}
	r = r.Reading(l.Now())
	claims, err := l.openRequest(events[0].Evidence.Request)
	if err != nil {
		return Offer{}, err
	}
	offer := Offer{Record: r, Request: claims, loaded: loaded}
	switch r.State {
	case StateRequested:
	case StateExpired:
		return offer, ErrExpired
	default:
		return offer, ErrDecided
	}
	old, err := l.amended(ctx, claims, citizen, r.Client)
	if err != nil {
		return offer, err
	}
	terms := l.outline(id, claims, old)
	terms.Notice.Lang, offer.Before = lang, l.before(old, lang)
	offer.Terms, err = l.complete(terms, claims, allClaims(claims))
	return offer, err
}

// Choice is what the citizen left ticked, and the language it was shown in.
type Choice struct {
	Claims []string
	Lang   string
}

const proposalLife = 10 * time.Minute

// Propose makes the terms for a choice and keeps them, with a fresh nonce, for
// ten minutes; a newer proposal replaces an older one. The approval is a passkey
// assertion over approval.Challenge of the terms' digest and that nonce.
func (l *Ledger) Propose(ctx context.Context, id GrantID, citizen string, choice Choice) (Proposal, error) {
	all, err := l.ProposeAll(ctx, []GrantID{id}, nil, citizen, []*Choice{&choice})
	if err != nil {
		return Proposal{}, err
	}
	return all[0], nil
}

// providerSubject commits to the person's sub at the provider.
func (l *Ledger) providerSubject(ctx context.Context, id GrantID, citizen, provider string) (string, error) {
	sub, err := l.People.Pairwise(ctx, citizen, provider)
	if err != nil {
		return "", fmt.Errorf("pairwise sub: %w", err)
	}
	salt, err := l.subjectSalt(ctx, id, citizen)
	if err != nil {
		return "", err
	}
	return SubjectCommitment(salt, sub), nil
}

func (l *Ledger) subjectSalt(ctx context.Context, id GrantID, citizen string) ([32]byte, error) {
	salt, err := l.People.Salt(ctx, citizen, "subject/"+string(id))
	if err != nil {
		return salt, fmt.Errorf("salt: %w", err)
	}
	return salt, nil
}

// outline copies from the request what no choice changes.
func (l *Ledger) outline(id GrantID, c RequestClaims, old *Record) Terms {
	d := c.Detail()
	storage, mode := d.Storage, ModeRecurring
	if storage == "" {
		storage = d.Jurisdiction
	}
	if d.MaxUses == 1 {
		mode = ModeOnce
	}
	version, supersedes := 1, ""
	if old != nil {
		version, supersedes = old.Agreed.Version+1, old.Terms
	}
	nbf := l.Now().Unix()
	return Terms{
		SchemaVersion: TermsSchema, GrantID: id, Version: version, Supersedes: supersedes, Request: c.Digest,
		Subjects:   Subjects{Consumer: c.Subject},
		Notice:     NoticeRef{URI: l.Issuer + "/notices/" + string(id)},
		Controller: c.Issuer, Provider: Party{ID: d.Locations[0]}, Action: d.Actions[0],
		DataSet: DataSet{ID: d.DataTypes[0], SchemaHash: d.SchemaHash}, Purpose: Purpose{Code: d.Purpose},
		MaxUses: d.MaxUses, Mode: mode, Retention: d.Retention, Storage: storage, Jurisdiction: d.Jurisdiction,
		LegalBasis: d.LegalBasis, Validity: Validity{NotBefore: nbf, Expires: nbf + d.Validity.Seconds},
		RecipientKey: c.RecipientKey, Withdrawal: Withdrawal{URI: l.Withdrawal},
		Frequency: d.Frequency, DataRange: d.DataRange, Bundle: d.Bundle,
		Template: Template{ID: d.template().ID, Version: d.template().Version},
	}
}

// complete fills in the catalogue's texts for the chosen claims, and the notice
// last of all.
func (l *Ledger) complete(t Terms, c RequestClaims, chosen []string) (Terms, error) {
	var names []string
	optional := map[string]bool{}
	for _, claim := range c.Detail().Claims {
		ticked := slices.Contains(chosen, claim.Name)
		if !ticked && !claim.Optional {
			return t, refuse("claims", "%q is required", claim.Name)
		}
		if ticked {
			names = append(names, claim.Name)
			optional[claim.Name] = claim.Optional
		}
	}
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return t, refuse("claims", "%q was not asked for", name)
		}
	}
	if len(names) == 0 {
		return t, refuse("claims", "none is left")
	}
	cat := l.Catalogue()
	if cat == nil {
		return t, refuse("catalogue", "the hub has published none yet")
	}
	t.Catalogue = cat.Version
	t, err := describe(t, names, optional, cat)
	if err != nil {
		return t, err
	}
	if newest, _ := cat.Template(t.Template.ID, 0); newest.Version > t.Template.Version {
		return t, refuse("template", "%q has version %d by now", newest.ID, newest.Version)
	}
	switch {
	case t.DataSet.SchemaHash != c.Detail().SchemaHash:
		return t, refuse("schema hash", "the catalogue has another schema")
	case t.MaxUses > t.Template.MaxUses:
		return t, refuse("template", "%d uses, the purpose allows %d", t.MaxUses, t.Template.MaxUses)
	case t.Validity.Expires-t.Validity.NotBefore > int64(t.Template.MaxDays)*86400:
		return t, refuse("template", "longer than the %d days that the purpose allows", t.Template.MaxDays)
	}
	return withNotice(t)
}
