package consenttest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/consent/memory"
)

// Issuer is the world's hub.
const Issuer = "https://hub.example"

// Client is the consumer's OAuth client.
const Client = "licence"

// World holds everybody.
type World struct {
	Issuer     string
	Release    string // the provider's address
	RP         approval.RelyingParty
	Government *Authority
	Hub        *ecdsa.PrivateKey
	Provider   Agency
	Consumer   Agency
	Officers   []crypto.Signer
	Catalogue  *catalogue.Catalogue
	Log        *Log
	People     *People
	Store      *memory.Store
	Ledger     *consent.Ledger
	Trust      consent.Trust
	Files      consent.TrustFiles

	clock func() time.Time // nil: it stands still
	mu    sync.Mutex
	now   time.Time
}

// A Place is where a world's hub and its provider are found, and its clock;
// what is empty is that of New.
type Place struct {
	Issuer   string
	Release  string
	Clock    func() time.Time
	DataSets []catalogue.DataSet
	Purposes []catalogue.Purpose
}

// New makes a world in which nobody has enrolled yet.
func New() *World { return NewAt(Place{}) }

// NewAt makes one in another place.
func NewAt(at Place) *World {
	issuer := cmp.Or(at.Issuer, Issuer)
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(issuer, "https://"), "http://"), ":")
	w := &World{
		Issuer: issuer, Release: cmp.Or(at.Release, "https://insurer.example/release"), clock: at.Clock,
		RP:  approval.RelyingParty{ID: host, Origin: issuer},
		now: time.Now().UTC().Truncate(time.Second),
		Hub: NewKey(), Officers: []crypto.Signer{NewKey(), NewKey()},
	}
	w.Government = NewAuthority("Government CA", w.now)
	w.Provider = w.Government.Agency("urn:mydata:agency:health-insurance")
	w.Consumer = w.Government.Agency("urn:mydata:agency:driving-licence")
	w.Log = NewLog("hub.example/log", w.Now)
	w.People = &People{world: w, citizen: map[string]*person{}}
	w.Store = &memory.Store{Log: w.Log.Append}
	w.Catalogue = w.catalogue(at)
	w.trust()
	first, kid := w.Hub, public(w.Hub).KeyID // a hub knows its keys' names
	w.Ledger = &consent.Ledger{
		Store: w.Store, People: w.People, Issuer: issuer, AgencyRoots: w.Government.Pool(), RP: w.RP, Officers: w.Trust.Officers,
		Catalogue: func() *catalogue.Catalogue { return w.Catalogue }, Withdrawal: issuer + "/dashboard", Now: w.Now,
		Key: func() (crypto.Signer, string) {
			if w.Hub != first {
				return w.Hub, public(w.Hub).KeyID
			}
			return first, kid
		},
	}
	return w
}

// Now is the world's clock, which stands still where its place has none.
func (w *World) Now() time.Time {
	if w.clock != nil {
		return w.clock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Pass lets time pass.
func (w *World) Pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *World) trust() {
	var officers jose.JSONWebKeySet
	for _, officer := range w.Officers {
		officers.Keys = append(officers.Keys, public(officer.(*ecdsa.PrivateKey)))
	}
	w.Files = consent.TrustFiles{
		Hub: consent.HubTrust{
			Issuer: w.Issuer, RP: w.RP, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(w.Hub)}}, Officers: officers,
		},
		AgencyCA: w.Government.PEM(), IssuerCA: w.Government.PEM(), LogPolicy: w.Log.Policy(),
	}
	var err error
	w.Trust, err = w.Files.Trust()
	must(err)
}

func (w *World) catalogue(at Place) *catalogue.Catalogue {
	c := catalogue.Catalogue{
		Version: 1,
		Agencies: []catalogue.Agency{
			w.entry(w.Provider, "Health Insurance (demo)", "국민건강보험 (데모)", w.Release, true),
			w.entry(w.Consumer, "Driving Licence Agency (demo)", "운전면허시험장 (데모)", "", false),
		},
		DataSets: []catalogue.DataSet{{
			ID: "health-checkup", Provider: w.Provider.ID,
			Title:  catalogue.Text{"en": "Health check-up", "ko": "건강검진"},
			Schema: json.RawMessage(`{"type":"object","properties":{"vision_left":{"type":"number"},"vision_right":{"type":"number"},"hearing_left":{"type":"integer"},"remarks":{"type":"string"},"checked_on":{"type":"string"}}}`),
			Fields: []catalogue.Field{
				{Name: "vision_left", Label: catalogue.Text{"en": "Left eyesight", "ko": "왼쪽 시력"}},
				{Name: "vision_right", Label: catalogue.Text{"en": "Right eyesight", "ko": "오른쪽 시력"}},
				{Name: "hearing_left", Label: catalogue.Text{"en": "Left hearing", "ko": "왼쪽 청력"}},
				{Name: "remarks", Label: catalogue.Text{"en": "Remarks", "ko": "의사 소견"}, Sensitive: true},
				{Name: "checked_on", Label: catalogue.Text{"en": "Checked on", "ko": "검진일"}},
			},
			Derived: []catalogue.Derived{
				{Claim: "vision_ok", Label: catalogue.Text{"en": "Eyesight is sufficient", "ko": "시력 기준 충족"}, From: []string{"vision_left", "vision_right"}},
				{Claim: "hearing_ok", Label: catalogue.Text{"en": "Hearing is sufficient", "ko": "청력 기준 충족"}, From: []string{"hearing_left"}},
				{Claim: "checked_on", Label: catalogue.Text{"en": "Date of the check-up", "ko": "검진일"}, From: []string{"checked_on"}},
			},
		}},
		Purposes: []catalogue.Purpose{{
			Code: "driving-licence-renewal", Text: catalogue.Text{"en": "Renewing a driving licence", "ko": "운전면허 갱신"},
			MaxUses: 2, MaxDays: 30, DataSets: []string{"health-checkup"},
		}},
	}
	c.DataSets, c.Purposes = append(c.DataSets, at.DataSets...), append(c.Purposes, at.Purposes...)
	jws, err := catalogue.Sign(c, w.Hub, public(w.Hub).KeyID)
	must(err)
	opened, err := catalogue.Open(jws, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(w.Hub)}}, w.Government.Pool())
	must(err)
	return opened
}

func (w *World) entry(a Agency, en, ko, release string, resident bool) catalogue.Agency {
	entry := catalogue.Entry{
		Issuer: a.ID, IssuedAt: w.now.Unix(), Name: catalogue.Text{"en": en, "ko": ko}, Contact: "privacy@agency.example",
		Release: release, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.EncryptionJWK()}},
	}
	jws, err := catalogue.SignEntry(entry, a.Key, a.Chain)
	must(err)
	listed, err := entry.Apply(catalogue.Agency{ID: a.ID, Jurisdiction: "KR", ResidentID: resident}, jws)
	must(err)
	return listed
}

// Renew is the catalogue's next version, in which the provider has said the same
// of itself again, so much later.
func (w *World) Renew(later time.Duration) {
	next := *w.Catalogue
	next.Version++
	next.Agencies = slices.Clone(next.Agencies)
	for i, a := range next.Agencies {
		if a.ID != w.Provider.ID {
			continue
		}
		at, err := catalogue.Issued(a.Entry)
		must(err)
		entry, err := catalogue.OpenEntry(a.Entry, w.Government.Pool(), at)
		must(err)
		entry.IssuedAt = at.Add(later).Unix()
		jws, err := catalogue.SignEntry(entry, w.Provider.Key, w.Provider.Chain)
		must(err)
		next.Agencies[i], err = entry.Apply(a, jws)
		must(err)
	}
	jws, err := catalogue.Sign(next, w.Hub, public(w.Hub).KeyID)
	must(err)
	w.Catalogue, err = catalogue.Open(jws, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public(w.Hub)}}, w.Government.Pool())
	must(err)
}

// Request is the demo request of the consumer about a citizen: two required
// claims, one optional, two uses in thirty days. bend may change it before it
// is signed.
func (w *World) Request(citizen string, bend func(*consent.RequestClaims)) consent.Requested {
	sub, err := w.People.Pairwise(context.Background(), citizen, w.Consumer.ID)
	must(err)
	return w.RequestOf(sub, bend)
}

// RequestOf is the same about whoever has this sub at the consumer.
func (w *World) RequestOf(sub string, bend func(*consent.RequestClaims)) consent.Requested {
	var salt [32]byte
	_, _ = rand.Read(salt[:])
	now := w.Now().Unix()
	set, _ := w.Catalogue.DataSet("health-checkup")
	claims := consent.RequestClaims{
		Issuer: w.Consumer.ID, Audience: w.Issuer, IssuedAt: now, Expires: now + 3600, ID: rand.Text(),
		Subject: consent.SubjectCommitment(salt, sub), RecipientKey: NewRecipientKey(),
		Details: []consent.Detail{{
			Type: consent.TransferType, Locations: []string{w.Provider.ID}, Actions: []string{consent.ActionDerive},
			DataTypes: []string{"health-checkup"}, SchemaHash: set.Hash(),
			Claims:  []consent.RequestedClaim{{Name: "vision_ok"}, {Name: "hearing_ok"}, {Name: "checked_on", Optional: true}},
			Purpose: "driving-licence-renewal", MaxUses: 2, Validity: consent.Duration{Seconds: 30 * 86400},
			Retention: "P30D", Jurisdiction: "KR", LegalBasis: consent.LegalBasis{Kind: consent.BasisConsent},
		}},
	}
	if bend != nil {
		bend(&claims)
	}
	jws, err := consent.SignRequest(claims, w.Consumer.Key, w.Consumer.Chain)
	must(err)
	return consent.Requested{Client: Client, Agency: w.Consumer.ID, JWS: jws, Sub: sub, Salt: salt}
}

// NewRecipientKey is a fresh HPKE public key.
func NewRecipientKey() consent.RecipientKey {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	must(err)
	return consent.RecipientKey{KEM: consent.KEM, Public: consent.Encode(key.PublicKey().Bytes())}
}

// Approve proposes terms and signs them with a passkey.
func (w *World) Approve(ctx context.Context, id consent.GrantID, citizen string, passkey *Passkey, claims ...string) (consent.Record, error) {
	p, err := w.Ledger.Propose(ctx, id, citizen, consent.Choice{Claims: claims, Lang: "ko"})
	if err != nil {
		return consent.Record{}, err
	}
	digest, err := p.Terms.Digest()
	if err != nil {
		return consent.Record{}, err
	}
	return w.Ledger.Grant(ctx, id, citizen, passkey.Sign(approval.Challenge([][32]byte{digest}, p.Nonce)))
}

// Granted walks a citizen's request to a grant of all claims.
func (w *World) Granted(ctx context.Context, citizen string, passkey *Passkey) consent.Record {
	r, err := w.Ledger.Request(ctx, w.Request(citizen, nil))
	must(err)
	r, err = w.Approve(ctx, r.Grant, citizen, passkey, "vision_ok", "hearing_ok", "checked_on")
	must(err)
	return r
}

// Commit is the provider's commit to a use. bend may change it before it is
// signed.
func (w *World) Commit(r consent.Record, use int, bend func(*consent.CommitClaims)) string {
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	digest := consent.DigestOf("anything")
	c := consent.CommitClaims{
		Issuer: w.Provider.ID, Audience: w.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Use: use, Terms: r.Terms,
		Ciphertext: digest, Plaintext: digest, Nonce: consent.Encode(nonce),
	}
	if bend != nil {
		bend(&c)
	}
	jws, err := consent.SignCommit(c, w.Provider.Key, w.Provider.Chain)
	must(err)
	return jws
}

// Received is the consumer's countersignature of a commit.
func (w *World) Received(r consent.Record, use int, commit string, bend func(*consent.ReceivedClaims)) string {
	c := consent.ReceivedClaims{
		Issuer: w.Consumer.ID, Audience: w.Issuer, IssuedAt: w.Now().Unix(), GrantID: r.Grant, Use: use, Commit: consent.DigestOf(commit),
	}
	if bend != nil {
		bend(&c)
	}
	jws, err := consent.SignReceived(c, w.Consumer.Key, w.Consumer.Chain)
	must(err)
	return jws
}
