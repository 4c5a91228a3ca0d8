package transfer

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// checkConsumer checks who asks: the request is signed by the agency that the
// token names, with a certificate of the government CA that was valid when it
// signed. The citizen's approval fixes the request in time, so a certificate
// that ended meanwhile does not end the grant.
func (p Provider) checkConsumer(body ReleaseRequest, g *Granted) error {
	var err error
	if g.Request, err = consent.OpenRequest(body.Request, p.Trust.AgencyRoots); err != nil {
		return refuse(CheckConsumer, MenderConsumer, "%w", err)
	}
	switch {
	case g.Request.Issuer != g.Detail.Consumer:
		return refuse(CheckConsumer, MenderConsumer, "the request is by %q, the token for %q", g.Request.Issuer, g.Detail.Consumer)
	case g.Request.Audience != p.Trust.Issuer:
		return refuse(CheckConsumer, MenderConsumer, "the request is for another hub")
	case time.Unix(g.Request.IssuedAt, 0).After(p.now().Add(maxSkew)):
		return refuse(CheckConsumer, MenderConsumer, "the request is from the future")
	case len(g.Request.Details) != 1:
		return refuse(CheckConsumer, MenderConsumer, "the request has %d details instead of one", len(g.Request.Details))
	}
	return nil
}

// checkTerms reads the terms and that they are about us, the consumer and the
// request before us.
func (p Provider) checkTerms(body ReleaseRequest, g *Granted) error {
	var err error
	if g.Terms, err = consent.ParseTerms(body.Terms); err != nil {
		return refuse(CheckTerms, MenderConsumer, "%w", err)
	}
	switch t := g.Terms; {
	case t.Provider.ID != p.Agency:
		return refuse(CheckTerms, MenderConsumer, "the terms are for the provider %q", t.Provider.ID)
	case t.Controller != g.Request.Issuer:
		return refuse(CheckTerms, MenderConsumer, "the terms are for the consumer %q", t.Controller)
	case t.Request != g.Request.Digest:
		return refuse(CheckTerms, MenderConsumer, "the terms come from another request")
	case string(t.GrantID) != g.Detail.GrantID:
		return refuse(CheckTerms, MenderConsumer, "the terms are of another grant than the token's")
	}
	return nil
}

// checkAssertion opens what the hub sealed and checks the citizen's signature
// over these terms: by a passkey whose history is signed and witnessed.
func (p Provider) checkAssertion(g *Granted) error {
	var err error
	if g.Sealed, err = Open(g.Token.Sealed, p.Key); err != nil {
		return refuse(CheckSealed, MenderHub, "%w", err)
	}
	if g.digest, err = g.Terms.Digest(); err != nil {
		return refuse(CheckTerms, MenderHub, "%w", err)
	}
	a := g.Sealed.Approval
	err = a.VerifyBy(g.digest, p.Trust.RP, func() (active []jose.JSONWebKey, err error) {
		active, g.orders, err = approval.Replay(a.History, p.Trust.RP, p.Trust.Officers)
		return active, err
	})
	if err != nil {
		return refuse(assertionCheck(err), MenderHub, "%w", err)
	}
	if err := together(g.Terms, a.Digests, consent.Encode(g.digest[:])); err != nil {
		return err
	}
	if err := a.Included(p.Trust.Log); err != nil {
		return refuse(CheckInclusion, MenderHub, "%w", err)
	}
	if !p.Development && tooYoung(a, g.Terms) {
		return refuse(CheckAge, MenderCitizen, "the passkey was enrolled by officers less than 72 hours before the approval")
	}
	return nil
}

// together checks what was approved beside these terms: nothing where they were
// asked for alone; else no more than their bundle holds before and after them.
func together(t consent.Terms, digests []string, own string) error {
	at := slices.Index(digests, own)
	before, after := at, len(digests)-1-at
	switch b := t.Bundle; {
	case b == nil && len(digests) != 1:
		return refuse(CheckBundle, MenderHub, "approved together with others, and asked for alone")
	case b != nil && (before > b.Index || after > b.Count-1-b.Index):
		return refuse(CheckBundle, MenderHub, "approved together with more than its bundle")
	}
	return nil
}

// assertionCheck keeps the history's own name; all else is the assertion's.
func assertionCheck(err error) string {
	var a *approval.CheckError
	var c *consent.CheckError
	if errors.As(err, &a) && (a.Check == approval.CheckHistory || a.Check == approval.CheckOfficers) ||
		errors.As(err, &c) && c.Check == approval.CheckHistory {
		return CheckHistory
	}
	return CheckAssertion
}

// tooYoung says whether officers enrolled a passkey less than 72 hours before
// the terms begin. Every passkey that lives then came by their hands or was
// signed in by one that did, so that a passkey added later is no older.
func tooYoung(a consent.Approval, t consent.Terms) bool {
	begin := time.Unix(t.Validity.NotBefore, 0)
	for _, record := range a.History {
		if e := record.Event; e.By.Kind == approval.ByOfficers && begin.Before(e.At.Add(passkeyWaitingPeriod)) {
			return true
		}
	}
	return false
}

// checkSubject opens the terms' commitment to the person here. The resident
// identifier comes where the catalogue entitles us to it, and nowhere else, and
// must be of the person for whom officers ordered the passkeys: the hub alone
// cannot lend one person's approval to another's record.
func (p Provider) checkSubject(g *Granted, cat *catalogue.Catalogue) error {
	salt, err := base64.RawURLEncoding.DecodeString(g.Sealed.SubjectSalt)
	if err != nil || len(salt) != 32 || g.Sealed.Subject == "" {
		return refuse(CheckSubject, MenderHub, "the sealed part opens no commitment")
	}
	if !equal(consent.SubjectCommitment([32]byte(salt), g.Sealed.Subject), g.Terms.Subjects.Provider) {
		return refuse(CheckSubject, MenderHub, "the sealed subject is not the one of the terms")
	}
	self, _ := cat.Agency(p.Agency)
	switch {
	case self.ResidentID != (g.Sealed.ResidentID != ""):
		return refuse(CheckSubject, MenderHub, "the resident identifier is not for this provider, or is missing")
	case !self.ResidentID:
		return nil
	}
	if err := approval.SubjectOf(g.orders, g.Sealed.ResidentID, g.Sealed.OrderSalts); err != nil {
		return refuse(CheckSubject, MenderHub, "%w", err)
	}
	return nil
}

func checkTermsDigest(g *Granted) error {
	if !equal(consent.Encode(g.digest[:]), g.Detail.Terms) {
		return refuse(CheckTermsDigest, MenderConsumer, "the token is for other terms")
	}
	return nil
}

// checkRecipientKey makes sure that only who signed the request can read.
func checkRecipientKey(g *Granted) error {
	switch key := g.Terms.RecipientKey; {
	case key != g.Request.RecipientKey:
		return refuse(CheckRecipientKey, MenderHub, "the terms have another key than the request")
	case key.KEM != consent.KEM:
		return refuse(CheckRecipientKey, MenderConsumer, "the KEM %q is not %s", key.KEM, consent.KEM)
	}
	return nil
}

func checkPurpose(g *Granted, cat *catalogue.Catalogue) error {
	purpose, ok := cat.Purpose(g.Terms.Purpose.Code)
	switch {
	case !ok:
		return refuse(CheckPurpose, MenderConsumer, "the catalogue has no purpose %q", g.Terms.Purpose.Code)
	case g.Request.Detail().Purpose != purpose.Code:
		return refuse(CheckPurpose, MenderHub, "the request has another purpose than the terms")
	case !purpose.Covers(g.Terms.DataSet.ID):
		return refuse(CheckPurpose, MenderConsumer, "the purpose %q does not cover %q", purpose.Code, g.Terms.DataSet.ID)
	}
	set, ok := cat.DataSet(g.Terms.DataSet.ID)
	if !ok || set.Provider != g.Terms.Provider.ID {
		return refuse(CheckPurpose, MenderConsumer, "the data set %q is not this provider's", g.Terms.DataSet.ID)
	}
	g.DataSet = set
	return nil
}

// checkFields makes sure that every claim was asked for, is known, and reads
// what the catalogue says it reads.
func checkFields(g *Granted) error {
	if len(g.Terms.Claims) == 0 {
		return refuse(CheckFields, MenderHub, "nothing is granted")
	}
	asked := map[string]bool{}
	for _, c := range g.Request.Detail().Claims {
		asked[c.Name] = true
	}
	for _, c := range g.Terms.Claims {
		from, ok := sources(g.Terms.Action, g.DataSet, c.Name)
		if !ok || !asked[c.Name] || !slices.Equal(from, c.From) {
			return refuse(CheckFields, MenderHub, "the claim %q is unknown, was not asked for, or reads other fields", c.Name)
		}
		asked[c.Name] = false // twice is once too often
		for _, field := range from {
			if !slices.ContainsFunc(g.Terms.Fields, func(f consent.Field) bool { return f.Name == field }) {
				return refuse(CheckFields, MenderHub, "the claim %q reads a field that was not granted", c.Name)
			}
		}
	}
	return nil
}

// sources is what a claim reads: its fields of the catalogue, or itself.
func sources(action string, set catalogue.DataSet, claim string) ([]string, bool) {
	if action == consent.ActionDerive {
		d, ok := set.Derivation(claim)
		return d.From, ok
	}
	_, ok := set.Field(claim)
	return []string{claim}, ok && action == consent.ActionRelease
}

// checkSchema takes terms of an older schema where all that they grant stayed
// the same, and otherwise names the field that did not.
func checkSchema(g *Granted, cat *catalogue.Catalogue) error {
	if g.Terms.DataSet.SchemaHash != g.Request.Detail().SchemaHash {
		return refuse(CheckSchema, MenderHub, "the terms have another schema than the request")
	}
	claims := make([]string, len(g.Terms.Claims))
	for i, c := range g.Terms.Claims {
		claims[i] = c.Name
	}
	if _, err := cat.Negotiate(g.DataSet.ID, g.Terms.DataSet.SchemaHash, claims); err != nil {
		return refuse(CheckSchema, MenderConsumer, "%w", err)
	}
	return nil
}

func checkTemplate(g *Granted, cat *catalogue.Catalogue) error {
	purpose, _ := cat.Purpose(g.Terms.Purpose.Code)
	days := int64(purpose.MaxDays) * 24 * 60 * 60
	switch t := g.Terms; {
	case t.MaxUses < 1 || t.MaxUses > purpose.MaxUses:
		return refuse(CheckTemplate, MenderHub, "%d uses, the purpose allows %d", t.MaxUses, purpose.MaxUses)
	case t.Validity.Expires-t.Validity.NotBefore > days:
		return refuse(CheckTemplate, MenderHub, "longer than the %d days that the purpose allows", purpose.MaxDays)
	case g.Detail.Use > t.MaxUses:
		return refuse(CheckTemplate, MenderHub, "use %d of %d", g.Detail.Use, t.MaxUses)
	}
	if err := consent.FitsTemplate(g.Terms, cat); err != nil {
		return refuse(CheckTemplate, MenderHub, "%w", err)
	}
	return nil
}

func (p Provider) checkValidity(g *Granted) error {
	now := p.now()
	switch v := g.Terms.Validity; {
	case time.Unix(v.NotBefore, 0).After(now.Add(maxSkew)):
		return refuse(CheckValidity, MenderConsumer, "the grant has not begun")
	case !time.Unix(v.Expires, 0).After(now):
		return refuse(CheckValidity, MenderCitizen, "the grant has expired")
	}
	return nil
}

// checkNarrow is the last word: nothing but the allowed was changed between
// request and terms.
func checkNarrow(g *Granted, cat *catalogue.Catalogue) error {
	if err := consent.Narrow(g.Request, g.Terms, cat); err != nil {
		return refuse(CheckNarrow, MenderHub, "%w", err)
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
