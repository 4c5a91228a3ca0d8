package admin

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
)

// Residents is the part of the register that a list needs.
type Residents interface {
	Resident(ctx context.Context, id string) (account.Resident, error)
	IDs() []string
}

// Offers makes credential offers, as the dashboard's.
type Offers interface {
	Offer(ctx context.Context, citizen, config, grant string, txCode bool) (uri, tx string, err error)
}

// Issuer revokes.
type Issuer interface {
	Revoke(ctx context.Context, id string) error
}

// Handler serves the operator.
type Handler struct {
	Frame     *web.Frame
	Accounts  *account.Accounts
	Residents Residents
	Offers    Offers
	Issuer    Issuer
	Hub       string            // the hub's URL, in links and letters
	Officers  *[2]crypto.Signer // development only; nil: orders come signed
	Now       func() time.Time

	// AddClient registers a client by its metadata (RFC 7591 names).
	AddClient func(ctx context.Context, metadata json.RawMessage) (id, secret string, err error)
	// PublishCatalogue takes a new version of the catalogue.
	PublishCatalogue func(ctx context.Context, body json.RawMessage) (version int64, err error)
	// Trust is the files of the trust folder, by name.
	Trust func(ctx context.Context) (map[string][]byte, error)
}

// Mount adds the endpoints. mux is served on the socket, inside Frame.Handler.
func (h *Handler) Mount(mux *http.ServeMux) {
	for pattern, f := range map[string]func(w http.ResponseWriter, r *http.Request) (any, error){
		"POST /enrol":     h.enrol,
		"POST /offer":     h.offer,
		"POST /revoke":    h.revoke,
		"POST /client":    h.client,
		"POST /catalogue": h.catalogue,
		"GET /trust":      h.trust,
		"GET /residents":  h.residents,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := f(w, r)
			if err != nil {
				h.fail(w, r, err)
				return
			}
			web.JSON(w, http.StatusOK, answer)
		})
	}
}

// fail is the one table from sentinels to problems; the cause is written for the
// person at the command line.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	for _, row := range []struct {
		is     error
		status int
		code   string
		cause  string
	}{
		{errBody, http.StatusBadRequest, "bad_request", err.Error()},
		{errOfficers, http.StatusForbidden, "officers", "this service holds no officers' keys: give an order signed by two officers"},
		{errNoMetadata, http.StatusBadRequest, "client_metadata", err.Error()},
		{account.ErrEnrolled, http.StatusConflict, "enrolled", "this resident is enrolled; after the loss of a device use --replace"},
		{account.ErrOrder, http.StatusForbidden, "order", err.Error()},
		{account.ErrNotFound, http.StatusNotFound, "resident", "the register has no such resident"},
		{credential.ErrUnknown, http.StatusNotFound, "credential", "no such credential"},
		{credential.ErrConfig, http.StatusNotFound, "config", err.Error()},
	} {
		if errors.Is(err, row.is) {
			h.Frame.Problem(w, r, web.Problem{Status: row.status, Code: row.code, Cause: row.cause, Mender: "operator"}, err)
			return
		}
	}
	h.Frame.Problem(w, r, web.Problem{Status: http.StatusInternalServerError, Code: "internal",
		Cause: "internal error; the log of the service has the details under this correlation id", Mender: "operator"}, err)
}

var (
	errBody       = errors.New("the body is not as expected")
	errOfficers   = errors.New("no officers' keys")
	errNoMetadata = errors.New("the metadata is refused")
)

func decode(w http.ResponseWriter, r *http.Request, v any) error {
	if err := web.Decode(w, r, v); err != nil {
		return fmt.Errorf("%w: %w", errBody, err)
	}
	return nil
}

// EnrolRequest asks for a code, or brings a signed order whose code the officers
// know.
type EnrolRequest struct {
	Resident string                  `json:"resident,omitempty"`
	Replace  bool                    `json:"replace,omitempty"`
	Order    *account.EnrolmentOrder `json:"order,omitempty"`
}

// Enrolment is what the person gets: the letter holds the rest.
type Enrolment struct {
	URL     string    `json:"url,omitempty"`
	Code    string    `json:"code,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Letter  string    `json:"letter,omitempty"` // an HTML document to print
}

func (h *Handler) enrol(w http.ResponseWriter, r *http.Request) (any, error) {
	var in EnrolRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	if in.Order != nil {
		return Enrolment{}, h.Accounts.Enrol(r.Context(), *in.Order)
	}
	if h.Officers == nil {
		return nil, errOfficers
	}
	resident, err := h.Residents.Resident(r.Context(), in.Resident)
	if err != nil {
		return nil, err
	}
	now := h.Now()
	code, order, err := account.SignedOrder(in.Resident, in.Replace, now, *h.Officers)
	if err != nil {
		return nil, err
	}
	if err := h.Accounts.Enrol(r.Context(), order); err != nil {
		return nil, err
	}
	return NewEnrolment(h.Hub, code, now, resident)
}

// NewEnrolment is the link and the letter of a code.
func NewEnrolment(hub, code string, now time.Time, resident account.Resident) (Enrolment, error) {
	grouped := web.Group(code)
	e := Enrolment{
		URL:     hub + "/enrol?" + url.Values{"code": {grouped}}.Encode(),
		Code:    grouped,
		Expires: now.Add(account.CodeLife).UTC().Truncate(time.Second),
	}
	var err error
	e.Letter, err = letter(e, hub, resident)
	return e, err
}

// OfferRequest asks for a credential offer (OpenID4VCI 1.0, 4.1).
type OfferRequest struct {
	Resident string `json:"resident"`
	Config   string `json:"config"`
	Grant    string `json:"grant,omitempty"`
	TxCode   bool   `json:"tx_code,omitempty"`
}

// Offer is a credential offer.
type Offer struct {
	CredentialOffer string `json:"credential_offer"`
	TxCode          string `json:"tx_code,omitempty"`
}

// offer may be for a resident without a passkey: the operator has seen him.
func (h *Handler) offer(w http.ResponseWriter, r *http.Request) (any, error) {
	var in OfferRequest
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	switch in.Grant {
	case "", credential.GrantPreAuthorized:
		in.Grant = credential.GrantPreAuthorized
	case credential.GrantAuthorizationCode:
	default:
		return nil, fmt.Errorf("%w: grant is pre-authorized_code or authorization_code", errBody)
	}
	citizen, err := h.Accounts.Admit(r.Context(), in.Resident)
	if err != nil {
		return nil, err
	}
	uri, tx, err := h.Offers.Offer(r.Context(), citizen.ID, in.Config, in.Grant, in.TxCode)
	if err != nil {
		return nil, err
	}
	return Offer{uri, tx}, nil
}

func (h *Handler) revoke(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Credential string `json:"credential"`
	}
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	return struct{}{}, h.Issuer.Revoke(r.Context(), in.Credential)
}

// Registered is a new client.
type Registered struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
}

func (h *Handler) client(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	id, secret, err := h.AddClient(r.Context(), in.Metadata)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoMetadata, err)
	}
	return Registered{id, secret}, nil
}

func (h *Handler) catalogue(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Catalogue json.RawMessage `json:"catalogue"`
	}
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	version, err := h.PublishCatalogue(r.Context(), in.Catalogue)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	return map[string]int64{"version": version}, nil
}

func (h *Handler) trust(_ http.ResponseWriter, r *http.Request) (any, error) {
	files, err := h.Trust(r.Context())
	if err != nil {
		return nil, err
	}
	return map[string]map[string][]byte{"files": files}, nil
}

// ResidentStatus is a resident and whether he is enrolled.
type ResidentStatus struct {
	Resident  string `json:"resident"`
	NameKo    string `json:"name_ko"`
	NameLatin string `json:"name_latin"`
	Enrolled  bool   `json:"enrolled"`
}

func (h *Handler) residents(_ http.ResponseWriter, r *http.Request) (any, error) {
	out := []ResidentStatus{}
	for _, id := range h.Residents.IDs() {
		res, err := h.Residents.Resident(r.Context(), id)
		if err != nil {
			return nil, err
		}
		enrolled, err := h.Accounts.Enrolled(r.Context(), id)
		if err != nil {
			return nil, err
		}
		out = append(out, ResidentStatus{id, res.NameKo, res.NameLatin, enrolled})
	}
	return map[string][]ResidentStatus{"residents": out}, nil
}
