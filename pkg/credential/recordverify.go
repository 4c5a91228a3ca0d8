package credential

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/did"
)

// The checks of a record, beside those of its presentation.
const (
	CheckRequest = "request"
	CheckSeal    = "seal"
	CheckAnswer  = "answers the query"
	CheckResult  = "result"
)

const (
	requestTyp = "oauth-authz-req+jwt" // OpenID4VP 1.0, 5
	maxRequest = 64 << 10
	x509Hash   = "x509_hash:"
)

// RecordResult is what became of a record. The zero RecordResult is a refusal.
type RecordResult struct {
	Result
	// Unsaid is what the record cannot say, in words: no check failed over it.
	Unsaid []string `json:"unsaid,omitempty"`
}

// Verify runs every check again, without a network, as of a time; the zero time is
// that of the presentation. Key binding and status are always as of the
// presentation: what the holder signed then, and what the issuer said then. It
// stops at the first that fails. answer may be nil: then nothing is said of the
// query.
func (r Record) Verify(ctx context.Context, policy Policy, answer Answer, at time.Time) RecordResult {
	if at.IsZero() {
		at = r.When
	}
	again := rereading{Record: r, at: at, answer: answer}
	again.verification = verification{
		Verifier:     &Verifier{Policy: policy, Status: again.statuses(), Issuers: &again, DIDs: &again},
		presentation: Presentation{Token: r.Presentation, Audience: r.Audience, Nonce: r.Nonce, TransactionDataHashes: r.TransactionDataHashes},
		now:          at, presentedAt: r.When,
	}
	result := again.through(ctx, again.checks())
	return RecordResult{Result: result, Unsaid: again.unsaid}
}

// rereading is one run over a record.
type rereading struct {
	Record
	verification
	at     time.Time
	answer Answer
	unsaid []string
}

func (r *rereading) checks() []step {
	steps := []step{{CheckRequest, r.request}, {CheckSeal, r.sealGood}}
	for _, s := range r.steps() {
		if s.name == CheckStatus && r.Status == "" && r.asked() {
			s.check = r.statusNotKept
		}
		steps = append(steps, s)
	}
	if r.answer == nil {
		r.say("whether the presentation answers the query")
	} else {
		steps = append(steps, step{CheckAnswer, r.answers})
	}
	return append(steps, step{CheckResult, r.same})
}

// asked tells whether the verifier asked for a status, by the record's word.
func (r *rereading) asked() bool {
	for _, c := range r.Result.Checks {
		if c.Name == CheckStatus {
			return c.StatusURI != ""
		}
	}
	return false
}

func (r *rereading) say(what string) { r.unsaid = append(r.unsaid, what) }

// request asks that the record's question is what the verifier signed, and that
// the audience is the holder of the key that signed it.
func (r *rereading) request(_ context.Context, c *Check) error {
	leaf, payload, err := r.openRequest()
	if err != nil {
		return err
	}
	var asked struct {
		ClientID string          `json:"client_id"`
		Nonce    string          `json:"nonce"`
		Query    json.RawMessage `json:"dcql_query"`
		IssuedAt int64           `json:"iat"`
		Expires  int64           `json:"exp"`
	}
	if err := json.Unmarshal(payload, &asked); err != nil {
		return errors.New("the request's claims cannot be read")
	}
	switch {
	case r.at.Before(r.When.Add(-skew)):
		return errors.New("the time asked about is before the presentation")
	case asked.ClientID == "" || asked.ClientID != r.Audience:
		return errors.New("the audience is not the client_id of the request")
	case asked.Nonce == "" || asked.Nonce != r.Nonce:
		return errors.New("the nonce is not that of the request")
	case !sameJSON(asked.Query, r.Query):
		return errors.New("the query is not that of the request")
	case time.Unix(asked.IssuedAt, 0).After(r.When.Add(skew)):
		return errors.New("the request was made after the presentation")
	case asked.Expires != 0 && r.When.After(time.Unix(asked.Expires, 0).Add(skew)):
		return errors.New("the request had expired when it was answered")
	}
	sum := sha256.Sum256(leaf.Raw)
	if hash, ok := strings.CutPrefix(r.Audience, x509Hash); !ok {
		r.say("that the audience is the holder of the key that signed the request: its client_id is no x509_hash")
	} else if hash != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return errors.New("the request is signed by another than its client_id")
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
		c.Key = Thumbprint(key)
	}
	return nil
}

// openRequest verifies the request object by the key of its own certificate.
func (r *rereading) openRequest() (*x509.Certificate, []byte, error) {
	if len(r.Request) > maxRequest {
		return nil, nil, errors.New("the request is too long")
	}
	signed, err := jose.ParseSignedCompact(r.Request, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, nil, errors.New("the request is not signed by ES256")
	}
	head, _, _ := strings.Cut(r.Request, ".")
	text, err := base64.RawURLEncoding.Strict().DecodeString(head)
	var header struct {
		Type string   `json:"typ"`
		X5C  [][]byte `json:"x5c"`
	}
	if err != nil || json.Unmarshal(text, &header) != nil || header.Type != requestTyp || len(header.X5C) == 0 {
		return nil, nil, errors.New("the request's header has not typ and x5c")
	}
	leaf, err := x509.ParseCertificate(header.X5C[0])
	if err != nil {
		return nil, nil, errors.New("the request's certificate cannot be read")
	}
	payload, err := signed.Verify(leaf.PublicKey)
	if err != nil {
		return nil, nil, errors.New("the request's signature is wrong")
	}
	return leaf, payload, nil
}

// sealGood asks that nobody changed the record: its every byte is under the key
// that signed the request.
func (r *rereading) sealGood(_ context.Context, c *Check) error {
	leaf, _, err := r.openRequest()
	if err != nil {
		return err
	}
	body, err := r.sealed()
	if err != nil {
		return err
	}
	signed, err := jose.ParseDetached(r.Seal, body, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != recordTyp {
		return errors.New("not a detached JWS of a record")
	}
	if again, err := signed.DetachedCompactSerialize(); err != nil || again != r.Seal { // stray bits
		return errors.New("the seal is written in another way")
	}
	if _, err := signed.Verify(leaf.PublicKey); err != nil {
		return errors.New("the record was changed after it was sealed")
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); ok {
		c.Key = Thumbprint(key)
	}
	return nil
}

// statuses answers from the list that was kept, as of the presentation.
func (r *rereading) statuses() Statuses {
	if r.Status == "" {
		return nil
	}
	return keptList{r}
}

type keptList struct{ r *rereading }

// Status implements Statuses.
func (k keptList) Status(_ context.Context, ref statuslist.Reference, trust statuslist.Trust) (statuslist.Status, error) {
	token, err := statuslist.Verify(k.r.Record.Status, ref.URI, k.r.When, trust)
	if err != nil {
		return 0, err
	}
	if k.r.at.After(k.r.When) {
		k.r.say("what became of the status after " + token.IssuedAt.UTC().Format(time.RFC3339))
	}
	return token.List.Get(ref.Index)
}

// statusNotKept passes over a status of which the list was not kept: the verifier's
// seal is all there is.
func (r *rereading) statusNotKept(context.Context, *Check) error {
	r.say("the status: the record does not hold the list")
	return nil
}

// Keys implements IssuerKeys by the key that was kept.
func (r *rereading) Keys(context.Context, string) ([]jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(r.Key); err != nil || !key.IsPublic() {
		return nil, errors.New("the record holds no key of the issuer")
	}
	if r.Policy.Keys == nil { // else the log says so
		r.say("that the issuer published this key then")
	}
	return []jose.JSONWebKey{key}, nil
}

// Resolve implements Documents: did:key and did:jwk hold their keys themselves, of
// others the key that was kept is taken.
func (r *rereading) Resolve(ctx context.Context, id string) (did.Document, error) {
	if method, _, err := did.Split(id); err != nil || method != "web" {
		return new(did.Resolver).Resolve(ctx, id)
	}
	keys, err := r.Keys(ctx, id)
	if err != nil {
		return did.Document{}, err
	}
	_, fragment, _ := strings.Cut(keys[0].KeyID, "#")
	return did.New(id, map[string]jose.JSONWebKey{fragment: keys[0]})
}

func (r *rereading) answers(context.Context, *Check) error {
	claims, asked, err := r.answer(r.Query, r.QueryID, r.result)
	if err != nil {
		return err
	}
	if len(claims)+len(r.Result.Claims) > 0 && !reflect.DeepEqual(claims, r.Result.Claims) {
		return errors.New("the claims are not those that the query asked for")
	}
	return onlyAsked(r.Presentation, asked)
}

// same asks that what the record says of the presentation is what it is found to
// be. Times and words may differ: they are as of another time.
func (r *rereading) same(context.Context, *Check) error {
	kept, found := r.Result, r.result
	if !kept.OK() || kept.VCT != found.VCT || kept.Issuer != found.Issuer || kept.Format != found.Format || kept.Path != r.path || !slices.Equal(kept.Types, found.Types) ||
		!kept.IssuedAt.Equal(found.IssuedAt) || !kept.Expires.Equal(found.Expires) {
		return errors.New("the record tells another result")
	}
	if len(r.Chain) != len(found.Chain) {
		return errors.New("the record holds another chain")
	}
	for i, cert := range found.Chain {
		if string(r.Chain[i]) != string(cert.Raw) {
			return errors.New("the record holds another chain")
		}
	}
	if len(kept.Checks) != len(r.steps()) {
		return errors.New("the record tells of other checks")
	}
	for i, step := range r.steps() {
		if kept.Checks[i].Name != step.name {
			return fmt.Errorf("the record does not tell of %s", step.name)
		}
	}
	if kept.Checks[1].Key != r.thumbprint {
		return errors.New("the record tells another key")
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	var left, right any
	return json.Unmarshal(a, &left) == nil && json.Unmarshal(b, &right) == nil && reflect.DeepEqual(left, right)
}
