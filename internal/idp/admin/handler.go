package admin

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
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

// Issuer changes the status of credentials; see credential.Issuer.
type Issuer interface {
	RevokeFor(ctx context.Context, id, reason string) error
	Suspend(ctx context.Context, id, reason string) error
	Reinstate(ctx context.Context, id string) error
}

// Handler serves the operator.
type Handler struct {
	Frame     *web.Frame
	Accounts  *account.Accounts
	Residents Residents
	Offers    Offers
	Issuer    Issuer
	Consents  Consents
	Erasure   Erasure
	Deaths    Deaths
	Signals   notify.Morgue // what was put aside
	Deferrals Deferrals
	Hub       string            // the hub's URL, in links and letters
	Officers  *[2]crypto.Signer // development only; nil: orders come signed
	Now       func() time.Time
	Trail     *trail.Trail // of every act that changes something

	// AddClient registers a client by its metadata (RFC 7591 names).
	AddClient func(ctx context.Context, metadata json.RawMessage) (c registry.Client, secret string, err error)
	// NewInitial makes an initial access token (RFC 7591, 3).
	NewInitial func(ctx context.Context, o registry.InitialOrder) (string, registry.InitialToken, error)
	// PublishCatalogue has both development officers sign a catalogue; nil: they
	// sign elsewhere, by Catalogue.
	PublishCatalogue func(ctx context.Context, body json.RawMessage) (version int64, err error)
	Catalogue        Catalogue
	// Register reads the residents' register anew.
	Register func(ctx context.Context) (RegisterUpdate, error)
	// Trust is the files of the trust folder, by name.
	Trust func(ctx context.Context) (map[string][]byte, error)
}

// Mount adds the endpoints. mux is served on the socket, inside Frame.Handler.
func (h *Handler) Mount(mux *http.ServeMux) {
	routes := h.statusRoutes()
	maps.Copy(routes, map[string]func(w http.ResponseWriter, r *http.Request) (any, error){
		"POST /enrol":        h.enrol,
		"POST /offer":        h.offer,
		"POST /client":       h.client,
		"POST /client/token": h.initial,
		"POST /catalogue":    h.catalogue,
		"GET /catalogue":     h.inForce,

		"POST /catalogue/proposals":               h.propose,
		"GET /catalogue/proposals":                h.proposals,
		"GET /catalogue/proposals/{id}":           h.proposal,
		"POST /catalogue/proposals/{id}/decision": h.decide,
		"POST /catalogue/proposals/{id}/publish":  h.publish,
		"GET /trust":                              h.trust,
		"GET /residents":                          h.residents,
		"GET /trail":                              h.listTrail,
		"POST /consent/invalidate":                h.invalidate,
		"POST /erase":                             h.erase,
		"POST /hold":                              h.hold,
		"POST /death":                             h.death,
		"POST /register":                          h.register,
		"GET /erase/missing":                      h.missingErasures,
		"POST /erase/settle":                      h.settle,
		"GET /signals/dead":                       h.deadSignals,
		"POST /signals/resend":                    h.resend,
		"GET /issuance":                           h.waiting,
		"POST /issuance/{id}/decision":            h.decideIssuance,
	})
	for pattern, f := range routes {
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
	what, target := "enrol", trail.Target{Kind: trail.Resident, ID: in.Resident}
	switch {
	case in.Order != nil:
		what, target.ID = "order", in.Order.Resident
	case in.Replace:
		what = "replace"
	}
	var out Enrolment
	err := h.do(r, what, target, func() (_ trail.Target, err error) {
		out, err = h.order(r.Context(), in)
		return target, err
	})
	return out, err
}

// order has the accounts take an order, signed here or elsewhere.
func (h *Handler) order(ctx context.Context, in EnrolRequest) (Enrolment, error) {
	if in.Order != nil {
		return Enrolment{}, h.Accounts.Enrol(ctx, *in.Order)
	}
	if h.Officers == nil {
		return Enrolment{}, errOfficers
	}
	resident, err := h.Residents.Resident(ctx, in.Resident)
	if err != nil {
		return Enrolment{}, err
	}
	now := h.Now()
	code, order, err := account.SignedOrder(in.Resident, in.Replace, now, *h.Officers)
	if err != nil {
		return Enrolment{}, err
	}
	if err := h.Accounts.Enrol(ctx, order); err != nil {
		return Enrolment{}, err
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
	target := trail.Target{Kind: trail.Resident, ID: in.Resident}
	var out Offer
	err := h.do(r, "offer", target, func() (trail.Target, error) {
		citizen, err := h.Accounts.Admit(r.Context(), in.Resident)
		if err != nil {
			return target, err
		}
		out.CredentialOffer, out.TxCode, err = h.Offers.Offer(r.Context(), citizen.ID, in.Config, in.Grant, in.TxCode)
		return target, err
	})
	return out, err
}

// Registered is a new client.
type Registered struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret,omitempty"`
	IDTokenAlg   string `json:"id_token_signed_response_alg"`
}

func (h *Handler) client(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := decode(w, r, &in); err != nil {
		return nil, err
	}
	var out Registered
	err := h.do(r, "client", trail.Target{Kind: trail.Client}, func() (_ trail.Target, err error) {
		client, secret, err := h.AddClient(r.Context(), in.Metadata)
		if _, refused := errors.AsType[*registry.MetadataError](err); refused || errors.Is(err, registry.ErrTaken) {
			err = fmt.Errorf("%w: %w", errNoMetadata, err)
		}
		if err != nil {
			return trail.Target{Kind: trail.Client}, err
		}
		out = Registered{ClientID: client.ID, ClientSecret: secret, IDTokenAlg: client.SignedBy()}
		return trail.Target{Kind: trail.Client, ID: out.ClientID}, err
	})
	return out, err
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
