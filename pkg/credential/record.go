package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"

	"github.com/govmydata/mydata/pkg/credential/sdjwt"
)

const (
	recordVersion = "mydata-presentation-record/1"
	recordTyp     = "presentation-record+jws"
	// MaxRecord bounds a record, in bytes, and MaxRecordStatus the status list
	// within it: of a longer list the record tells the digest alone.
	MaxRecord       = 2 << 20
	MaxRecordStatus = 512 << 10
)

// Sentinels callers branch on.
var (
	// ErrRecord says that bytes are no record, or that none can be made.
	ErrRecord = errors.New("presentation record")
	// ErrUnasked says that a presentation shows what the query did not ask for. The
	// holder's signature covers all of it, so that it can be kept whole or not at all.
	ErrUnasked = errors.New("the presentation shows more than was asked for")
)

// Record is what a relying party keeps of one presentation, to verify it again
// later, without a network. Its JSON is one spelling of one content, and the seal
// covers every other byte (docs/schemas/presentation-record.schema.json). It holds
// the claims that were asked for, and no others: personal data all the same.
type Record struct {
	Version string `json:"schema_version"`
	// When is the verifier's own word; the holder's signature bounds it.
	When     time.Time       `json:"when"`
	QueryID  string          `json:"query_id"`
	Query    json.RawMessage `json:"query"`   // DCQL
	Request  string          `json:"request"` // the signed request object
	Audience string          `json:"audience"`
	Nonce    string          `json:"nonce"`
	// TransactionDataHashes that the holder signed too.
	TransactionDataHashes []string `json:"transaction_data_hashes,omitempty"`
	Presentation          string   `json:"presentation"`
	Result                Result   `json:"result"`
	// Chain is the issuer's, DER, leaf first, with the trust anchor; on the other
	// trust paths Key is the issuer's key as it was published then.
	Chain [][]byte        `json:"chain,omitempty"`
	Key   json.RawMessage `json:"issuer_key,omitempty"`
	// Status is the Status List Token; of one that is too long StatusDigest is the
	// SHA-256.
	Status       string `json:"status_token,omitempty"`
	StatusDigest string `json:"status_token_sha256,omitempty"`
	// Seal is a detached JWS (RFC 7515, appendix F) over the record without it, by the
	// key that signed the request.
	Seal string `json:"seal"`
}

// Evidence is what a Verifier went by. A Result that is OK holds it.
type Evidence struct {
	Presentation Presentation
	When         time.Time
	Key          *ecdsa.PublicKey // the issuer's
	KeyID        string           // in the credential's header
	StatusToken  string           // empty: none asked, or the client keeps none
}

// Answer says what of a verified presentation the Credential Query of that id
// asked for: the claims, and the paths to them; an error: it does not answer the
// query. openid4vp.Answer is one.
type Answer func(query []byte, id string, r Result) (claims map[string]any, asked []sdjwt.Path, err error)

// Asked is the question of which a presentation is the answer.
type Asked struct {
	Request string // the signed request object, as the wallet read it
	Query   []byte // its DCQL query
	QueryID string
	Answer  Answer
}

// NewRecord makes the record of a presentation that was found good, sealed by the
// key that signed the request. ErrUnasked: see there.
func NewRecord(r Result, asked Asked, key crypto.Signer) (Record, error) {
	fail := func(err error) (Record, error) { return Record{}, fmt.Errorf("%w: %w", ErrRecord, err) }
	if !r.OK() || r.Evidence == nil || asked.Answer == nil {
		return fail(errors.New("the presentation was not found good"))
	}
	e := r.Evidence
	claims, paths, err := asked.Answer(asked.Query, asked.QueryID, r)
	if err != nil {
		return fail(err)
	}
	if err := onlyAsked(e.Presentation.Token, paths); err != nil {
		return fail(err)
	}
	rec := Record{
		Version: recordVersion, When: e.When.UTC().Truncate(time.Second), QueryID: asked.QueryID, Query: asked.Query, Request: asked.Request,
		Audience: e.Presentation.Audience, Nonce: e.Presentation.Nonce, TransactionDataHashes: e.Presentation.TransactionDataHashes,
		Presentation: e.Presentation.Token, Result: r,
	}
	rec.Result.Claims, rec.Result.Evidence = claims, nil
	for _, cert := range r.Chain {
		rec.Chain = append(rec.Chain, cert.Raw)
	}
	rec.Result.Chain = nil
	if r.Path != PathX509 {
		if rec.Key, err = json.Marshal(jose.JSONWebKey{Key: e.Key, KeyID: e.KeyID}); err != nil {
			return fail(err)
		}
	}
	if rec.Status = e.StatusToken; len(rec.Status) > MaxRecordStatus {
		rec.Status, rec.StatusDigest = "", digest([]byte(rec.Status))
	}
	if err := rec.seal(key); err != nil {
		return fail(err)
	}
	text, err := rec.Marshal() // once through the reader: what is kept can be read
	if err != nil {
		return Record{}, err
	}
	return ParseRecord(text)
}

// onlyAsked tells whether a presentation shows what the paths point at, and no
// more.
func onlyAsked(token string, paths []sdjwt.Path) error {
	parsed, err := sdjwt.Parse(token)
	if err != nil {
		return err
	}
	least, err := parsed.Present(paths...)
	if err != nil {
		return err
	}
	if len(least) != bytes.LastIndexByte([]byte(token), '~')+1 { // disclosures can only be left out
		return ErrUnasked
	}
	return nil
}

// sealed is what the seal covers.
func (r Record) sealed() ([]byte, error) {
	r.Seal = ""
	return json.Marshal(r)
}

func (r *Record) seal(key crypto.Signer) error {
	body, err := r.sealed()
	if err != nil {
		return err
	}
	options := (&jose.SignerOptions{}).WithType(recordTyp)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: cryptosigner.Opaque(key)}, options)
	if err != nil {
		return err
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return err
	}
	r.Seal, err = signed.DetachedCompactSerialize()
	return err
}

// Marshal writes what ParseRecord reads.
func (r Record) Marshal() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return append(text, '\n'), nil
}

// ParseRecord reads what Marshal writes, to the byte, and nothing else. Whatever it
// refuses is ErrRecord; of what it takes nothing is verified.
func ParseRecord(text []byte) (Record, error) {
	var r Record
	if len(text) > MaxRecord {
		return Record{}, fmt.Errorf("%w: longer than %d bytes", ErrRecord, MaxRecord)
	}
	if err := strict(text, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.Version != recordVersion {
		return Record{}, fmt.Errorf("%w: schema_version is not %s", ErrRecord, recordVersion)
	}
	if again, err := r.Marshal(); err != nil || !bytes.Equal(again, text) {
		return Record{}, fmt.Errorf("%w: written in another way", ErrRecord)
	}
	return r, nil
}
