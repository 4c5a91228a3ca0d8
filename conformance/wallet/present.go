package wallet

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"slices"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

// Asked is a request that was found in order and can be shown: nothing has been
// sent yet.
type Asked struct {
	Authorization openid4vp.Authorization
	Matches       []Match
	// Needed are the queries that must be answered, Optional those that may be
	// added, together (section 6.4.2).
	Needed   []string
	Optional [][]string
}

// Match lists the ways to answer one Credential Query with what is held.
type Match struct {
	Query string
	Ways  []Way
}

// Way is one credential with one set of claims to disclose.
type Way struct {
	Credential Credential
	Claims     []openid4vp.Path
	Values     map[string]any // what would be shared
}

// Choice picks a way.
type Choice struct {
	Query string
	Way   int
}

// ReadRequest fetches the request that a link names and checks it. An
// unsatisfiable request is a *Refusal of check "credentials"; Asked is then
// filled as far as it goes, so that it can be declined.
func (w *Wallet) ReadRequest(ctx context.Context, link string) (Asked, error) {
	l, err := openid4vp.ParseLink(link)
	if err != nil {
		return Asked{}, asRefusal(err)
	}
	authorization, err := w.authorization(ctx, l)
	if err != nil {
		return Asked{}, asRefusal(err)
	}
	if err := w.allowed("response_uri", authorization.ResponseURI); err != nil {
		return Asked{}, err
	}
	a := Asked{Authorization: authorization}
	if a.Matches, err = w.match(authorization.Query); err != nil {
		return a, err
	}
	available := func(id string) bool { return len(a.match(id).Ways) > 0 }
	if a.Needed, err = authorization.Query.Needed(available); err != nil {
		return a, refuse("credentials", "this wallet holds nothing that answers: %v", err)
	}
	a.Optional = authorization.Query.Optional(available)
	return a, a.authorizable(available)
}

// match applies the query to what is held.
func (w *Wallet) match(q openid4vp.Query) ([]Match, error) {
	var matches []Match
	cards := w.config.Store.List()
	for _, query := range q.Credentials {
		m := Match{Query: query.ID}
		for _, card := range cards {
			claims, chain, err := open(card)
			if err != nil {
				return nil, err
			}
			candidate := openid4vp.Candidate{Format: card.Format, VCT: card.VCT, Claims: claims, Chain: chain, Bound: claims["cnf"] != nil}
			ways, err := query.Matches(candidate)
			if errors.Is(err, openid4vp.ErrUnsatisfied) {
				continue
			}
			for _, paths := range ways {
				m.Ways = append(m.Ways, Way{Credential: card, Claims: paths, Values: openid4vp.Project(claims, paths)})
			}
		}
		matches = append(matches, m)
	}
	return matches, nil
}

// Claims are what a credential says. It was verified when it came.
func Claims(c Credential) (map[string]any, error) {
	claims, _, err := open(c)
	return claims, err
}

func open(c Credential) (map[string]any, []*x509.Certificate, error) {
	token, err := sdjwt.Parse(c.Token)
	if err != nil {
		return nil, nil, refuse("store", "credential %s cannot be read: %v", c.ID, err)
	}
	claims, err := token.Unverified()
	if err != nil {
		return nil, nil, refuse("store", "credential %s cannot be read: %v", c.ID, err)
	}
	var chain []*x509.Certificate
	for _, der := range token.Header().X5C {
		if cert, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, cert)
		}
	}
	return claims, chain, nil
}

func (a Asked) match(id string) Match {
	for _, m := range a.Matches {
		if m.Query == id {
			return m
		}
	}
	return Match{}
}

// Ways are the ways to answer one query.
func (a Asked) Ways(query string) []Way { return a.match(query).Ways }

// Least answers what is needed and nothing optional, by the first way each.
func (a Asked) Least() []Choice {
	var choices []Choice
	for _, id := range a.Needed {
		choices = append(choices, Choice{Query: id})
	}
	return choices
}

// Extra answers what may be added to Least, each once, by the first way.
func (a Asked) Extra() []Choice {
	var choices []Choice
	for _, set := range a.Optional {
		for _, id := range set {
			if !slices.Contains(choices, Choice{Query: id}) {
				choices = append(choices, Choice{Query: id})
			}
		}
	}
	return choices
}

// Present answers with what was chosen and nothing else, and hands back the
// address to go on at, if the verifier gave one (section 8.2). Where a question
// allows several credentials, several ways of it may be chosen, one a credential.
func (w *Wallet) Present(ctx context.Context, a Asked, choices []Choice) (redirect string, err error) {
	token, shown := map[string][]string{}, map[[2]string]bool{}
	authorizing, err := a.authorizes(choices)
	if err != nil {
		return "", err
	}
	for _, choice := range choices {
		ways := a.Ways(choice.Query)
		query, _ := a.Authorization.Query.Credential(choice.Query)
		if choice.Way < 0 || choice.Way >= len(ways) || (token[choice.Query] != nil && !query.Multiple) {
			return "", refuse("choice", "no such way to answer %.60q, or two", choice.Query)
		}
		way := ways[choice.Way]
		card := [2]string{choice.Query, way.Credential.ID}
		if shown[card] {
			return "", refuse("choice", "one credential twice for %.60q", choice.Query)
		}
		shown[card] = true
		var authorized []openid4vp.Transaction
		if token[choice.Query] == nil { // of several, the first authorizes
			authorized = authorizing[choice.Query]
		}
		presentation, err := w.bind(a, query, way, authorized)
		if err != nil {
			return "", err
		}
		token[choice.Query] = append(token[choice.Query], presentation)
	}
	answered := func(id string) bool { return token[id] != nil }
	if err := a.Authorization.Query.Satisfied(answered); err != nil || len(token) == 0 {
		return "", refuse("choice", "what was chosen does not answer the request")
	}
	return w.answer(ctx, a, openid4vp.Response{VPToken: token})
}

// bind discloses the claims of one way and signs for this verifier and nonce.
// Whatever names a holder is signed for, also where nobody asked.
func (w *Wallet) bind(a Asked, query openid4vp.CredentialQuery, way Way, authorized []openid4vp.Transaction) (string, error) {
	token, err := sdjwt.Parse(way.Credential.Token)
	if err != nil {
		return "", refuse("store", "credential %s cannot be read: %v", way.Credential.ID, err)
	}
	var paths []sdjwt.Path
	for _, p := range way.Claims {
		paths = append(paths, sdjwt.Path(slices.Clone(p)))
	}
	presentation, err := token.Present(paths...)
	if err != nil {
		return "", refuse("disclosure", "%v", err)
	}
	bound, err := answers(query, way.Credential, presentation)
	if err != nil || !bound {
		return presentation, err
	}
	key, err := w.config.Store.signer(way.Credential.ID)
	if err != nil {
		return "", err
	}
	kb := sdjwt.KeyBinding{Audience: a.Authorization.ClientID, Nonce: a.Authorization.Nonce, IssuedAt: w.config.Now()}
	for _, t := range authorized {
		kb.TransactionDataHashes = append(kb.TransactionDataHashes, t.Hash())
		if t.Algorithms != nil {
			kb.TransactionDataHashesAlg = sdjwt.HashAlgorithm
		}
	}
	return sdjwt.Bind(presentation, key, kb)
}

// answers looks at a presentation as the verifier will: an element that was
// asked for by its index is another when those before it stay hidden.
func answers(query openid4vp.CredentialQuery, card Credential, presentation string) (bound bool, err error) {
	card.Token = presentation
	claims, chain, err := open(card)
	if err != nil {
		return false, err
	}
	bound = claims["cnf"] != nil
	_, err = query.Matches(openid4vp.Candidate{Format: card.Format, VCT: card.VCT, Claims: claims, Chain: chain, Bound: bound})
	if err != nil {
		return bound, refuse("disclosure", "what would be shown does not answer the question: %v", err)
	}
	return bound, nil
}

// Decline tells the verifier that the person does not share (section 8.5).
func (w *Wallet) Decline(ctx context.Context, a Asked) (redirect string, err error) {
	return w.answer(ctx, a, openid4vp.Response{Error: "access_denied"})
}

// answer posts the response in the mode that was asked for, and follows no
// redirect of HTTP.
func (w *Wallet) answer(ctx context.Context, a Asked, response openid4vp.Response) (string, error) {
	form, err := a.Authorization.Answer(response)
	if err != nil {
		return "", refuse("response encryption", "%v", err)
	}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}
	r, err := w.send(ctx, "response_uri", http.MethodPost, a.Authorization.ResponseURI, header, []byte(form.Encode()))
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", r.refused("response_uri")
	}
	if r.contentType() != "application/json" {
		return "", refuse("content type", "the answer of response_uri is not application/json")
	}
	var next struct {
		RedirectURI string `json:"redirect_uri"`
	}
	if err := decode("response_uri", r.body, &next); err != nil {
		return "", err
	}
	if next.RedirectURI == "" {
		return "", nil
	}
	return next.RedirectURI, w.allowed("redirect_uri", next.RedirectURI)
}

func asRefusal(err error) error {
	var r *openid4vp.Refusal
	if errors.As(err, &r) {
		return &Refusal{Check: r.Check, Cause: r.Cause}
	}
	return err
}
