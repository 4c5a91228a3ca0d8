package sandbox

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// Residents is the register of synthetic citizens, as a CSV.
//
//go:embed residents.csv
var Residents []byte

// Quotas of a sandbox.
const (
	maxAgencies  = 50
	maxDataSets  = 10 // of one agency
	maxPurposes  = 10
	perMinute    = 30
	listingLife  = 5 * time.Minute
	agencyPrefix = "urn:mydata:sandbox:"
)

// ListingType is the typ of an agency's signed listing.
const ListingType = "mydata-sandbox-listing+jwt"

// Handler serves self-registration.
type Handler struct {
	Frame *web.Frame
	// Certify makes a certificate for an agency under the sandbox's CA.
	Certify func(key *ecdsa.PublicKey, id, name string) ([][]byte, error)
	// CertifyDocuments makes one under the CA of credential issuers.
	CertifyDocuments func(key *ecdsa.PublicKey, issuer, name string) ([][]byte, error)
	Hub              string // the hub's own issuer, which no agency gets
	Roots            *x509.CertPool
	// Claim takes names for keys, for good, all or none; false when another key has one,
	// or when limit agencies have theirs. The same keys again are no error.
	Claim func(ctx context.Context, limit int, claims ...Claim) (bool, error)
	// AddClient registers an OAuth client by its metadata.
	AddClient func(ctx context.Context, metadata json.RawMessage) error
	Catalogue func() *catalogue.Catalogue // nil before the first
	Publish   func(ctx context.Context, body json.RawMessage) (version int64, err error)
	Trust     func(ctx context.Context) (map[string][]byte, error)
	Now       func() time.Time

	mu     sync.Mutex // one listing at a time: it reads the catalogue, then publishes
	minute time.Time
	count  int
}

// Claim is a name and the key that takes it.
type Claim struct{ Name, Key string }

// Mount adds the endpoints and takes them out of the cross-origin check: they
// carry no cookie.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Machine("POST /sandbox/agencies", "POST /sandbox/listings")
	mux.HandleFunc("GET /sandbox", h.about)
	mux.HandleFunc("POST /sandbox/agencies", h.register)
	mux.HandleFunc("POST /sandbox/listings", h.list)
}

// refusal is a problem document of this face.
type refusal struct{ web.Problem }

func (r *refusal) Error() string { return r.Check + ": " + r.Cause }

func refuse(status int, code, check, cause string) error {
	return &refusal{web.Problem{Status: status, Code: code, Check: check, Cause: cause, Mender: "agency"}}
}

func bad(check, cause string) error {
	return refuse(http.StatusBadRequest, "check_failed", check, cause)
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if known, ok := errors.AsType[*refusal](err); ok {
		if known.Status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "60")
		}
		h.Frame.Problem(w, r, known.Problem, err)
		return
	}
	h.Frame.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, Code: "internal", Check: "service", Cause: "internal error", Mender: "operator"}, err)
}

// admit counts requests that change something.
func (h *Handler) admit() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	if now.Sub(h.minute).Abs() >= time.Minute {
		h.minute, h.count = now, 0
	}
	if h.count++; h.count > perMinute {
		return refuse(http.StatusTooManyRequests, "quota", "quota", "too many requests this minute")
	}
	return nil
}

func (h *Handler) about(w http.ResponseWriter, _ *http.Request) {
	ids := []string{}
	if c := h.Catalogue(); c != nil {
		for _, a := range c.Agencies {
			ids = append(ids, a.ID)
		}
	}
	web.JSON(w, http.StatusOK, map[string]any{"sandbox": true, "agencies": ids,
		"quota": map[string]int{"agencies": maxAgencies, "data_sets": maxDataSets, "purposes": maxPurposes, "requests_per_minute": perMinute}})
}

// Registration is what an agency asks for.
type Registration struct {
	Slug        string `json:"slug"` // becomes urn:mydata:sandbox:SLUG and the client id sandbox-SLUG
	Name        string `json:"name"`
	CSR         string `json:"csr"`                    // PEM, PKCS #10, signed by the new P-256 key
	RedirectURI string `json:"redirect_uri,omitempty"` // of who asks for data
	// CredentialIssuer is the address at which it issues documents, DocumentsCSR the
	// request for the key that signs them.
	CredentialIssuer string `json:"credential_issuer,omitempty"`
	DocumentsCSR     string `json:"documents_csr,omitempty"`
}

// Registered is what it gets.
type Registered struct {
	Agency string `json:"agency"`
	Chain  string `json:"chain"` // PEM
	// DocumentsChain is for the key that signs documents.
	DocumentsChain string            `json:"documents_chain,omitempty"`
	ClientID       string            `json:"client_id,omitempty"`
	Trust          map[string]string `json:"trust"` // the trust folder's files
}

var slugs = regexp.MustCompile(`^[a-z][a-z0-9-]{1,38}[a-z0-9]$`)

func (h *Handler) register(w http.ResponseWriter, r *http.Request) {
	var in Registration
	err := h.admit()
	if err == nil {
		if err = web.Decode(w, r, &in); err != nil {
			err = bad("body", "it is not a registration as application/json")
		}
	}
	var out Registered
	if err == nil {
		out, err = h.registered(r.Context(), in)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	web.JSON(w, http.StatusCreated, out)
}

func (h *Handler) registered(ctx context.Context, in Registration) (Registered, error) {
	var out Registered
	if !slugs.MatchString(in.Slug) {
		return out, bad("slug", "3 to 40 of a-z, 0-9 and -")
	}
	if in.Name == "" || len(in.Name) > 200 {
		return out, bad("name", "1 to 200 bytes")
	}
	key, err := requestKey(in.CSR)
	if err != nil {
		return out, err
	}
	jwk := jose.JSONWebKey{Key: key, Use: "sig", Algorithm: string(jose.ES256)}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return out, err
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	if mine, err := h.Claim(ctx, maxAgencies, Claim{in.Slug, jwk.KeyID}); err != nil {
		return out, err
	} else if !mine {
		return out, refuse(http.StatusConflict, "taken", "slug", "another key has it, or this sandbox is full: join by another slug, or with the folder that took it")
	}
	out.Agency = agencyPrefix + in.Slug
	if in.RedirectURI != "" {
		if u, err := url.Parse(in.RedirectURI); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return out, bad("redirect_uri", "it is no web address")
		}
		out.ClientID = "sandbox-" + in.Slug
		metadata := client(in, out, jwk)
		if _, _, err := registry.ParseMetadata(metadata); err != nil {
			return out, bad("client", err.Error())
		}
		if err := h.AddClient(ctx, metadata); errors.Is(err, registry.ErrTaken) {
			return out, refuse(http.StatusConflict, "taken", "client", "it was registered before, with another redirect_uri or name, and keeps these: join by another slug")
		} else if err != nil {
			return out, err
		}
	}
	chain, err := h.Certify(key, out.Agency, "SANDBOX "+in.Name)
	if err != nil {
		return out, err
	}
	out.Chain = chainPEM(chain)
	if out.DocumentsChain, err = h.documents(ctx, in); err != nil {
		return out, err
	}
	files, err := h.Trust(ctx)
	if err != nil {
		return out, err
	}
	out.Trust = map[string]string{}
	for name, text := range files {
		out.Trust[name] = string(text)
	}
	return out, nil
}

// requestKey checks that who asks has the key.
func requestKey(text string) (*ecdsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || strings.TrimSpace(string(rest)) != "" {
		return nil, bad("csr", "one PEM block CERTIFICATE REQUEST is needed")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, bad("csr", "it is no PKCS #10 request")
	}
	if err := request.CheckSignature(); err != nil {
		return nil, bad("csr", "it is not signed by its key")
	}
	key, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, bad("csr", "its key is not on P-256")
	}
	return key, nil
}

// client is the metadata of a consumer, as sdk.Consumer.Registration makes it.
func client(in Registration, out Registered, jwk jose.JSONWebKey) json.RawMessage {
	raw, err := json.Marshal(map[string]any{
		"client_id": out.ClientID, "client_name": in.Name + " (sandbox)", "agency": out.Agency, "redirect_uris": []string{in.RedirectURI},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "private_key_jwt",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}}, "scope": "openid", "dpop_bound_access_tokens": true,
		"require_pushed_authorization_requests": true, "require_signed_request_object": true,
	})
	if err != nil {
		panic("sandbox: " + err.Error())
	}
	return raw
}
