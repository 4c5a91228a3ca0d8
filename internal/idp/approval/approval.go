package approval

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

//go:embed page locale
var files embed.FS

// Server is the authorization server, as far as this page goes through it; see
// oauth.Server for what each method promises.
type Server interface {
	Interaction(ctx context.Context, r *http.Request, id string) (oauth.Interaction, error)
	Done(ctx context.Context, r *http.Request, in oauth.Interaction, step string) (next string, err error)
	Next(ctx context.Context, id string) (string, error)
	Deny(ctx context.Context, r *http.Request, id string) (redirect string, err error)
}

// Handler serves the approval page of an interaction, and the privacy notice
// that terms point at.
type Handler struct {
	Frame    *web.Frame
	Server   Server
	Ledger   *consent.Ledger
	Accounts *account.Accounts
	// Session tells who is logged in with this browser; oauth.ErrNobody where
	// nobody is, and any other error where that cannot be told.
	Session func(*http.Request) (citizen string, err error)

	pages *web.Pages
}

// Mount adds the page and its three answers.
func (h *Handler) Mount(mux *http.ServeMux) {
	h.Frame.Messages(files)
	h.pages = h.Frame.Pages(files, "page/*.html")
	mux.HandleFunc("GET /approval/{interaction}", h.show)
	mux.HandleFunc("POST /approval/{interaction}/options", h.options)
	mux.HandleFunc("POST /approval/{interaction}/finish", h.finish)
	mux.HandleFunc("POST /approval/{interaction}/deny", h.deny)
	mux.HandleFunc("GET /notices/{grant}", h.notice)
}

// matter is what one request of the browser is about.
type matter struct {
	interaction oauth.Interaction
	grants      []consent.GrantID // one, or those of a bundle
	offers      []consent.Offer
}

// matter finds the requests behind an interaction. Beside consent.ErrDecided its
// offers still have the records.
func (h *Handler) matter(r *http.Request) (matter, error) {
	m := matter{}
	var err error
	if m.interaction, err = h.Server.Interaction(r.Context(), r, r.PathValue("interaction")); err != nil {
		return m, err
	}
	if m.interaction.Citizen == "" {
		return m, errSignedOut
	}
	for _, ref := range oauth.References(m.interaction.Refs, consent.TransferType) {
		m.grants = append(m.grants, consent.GrantID(ref))
	}
	if len(m.grants) == 0 {
		return m, consent.ErrUnknown
	}
	for _, id := range m.grants {
		offer, why := h.Ledger.Offer(r.Context(), id, m.interaction.Citizen, web.Lang(r))
		if err == nil {
			err = why
		}
		m.offers = append(m.offers, offer)
	}
	return m, err
}

// decided tells that the request was answered in this way before, by a click
// whose answer was lost: nothing of it waits, and some of it was answered so.
func (m matter) decided(err error, state consent.State) bool {
	so := false
	for _, offer := range m.offers {
		if offer.Record.State == consent.StateRequested {
			return false
		}
		so = so || offer.Record.State == state
	}
	return so && errors.Is(err, consent.ErrDecided)
}

// again leads whose login ended meanwhile, or is too old, to another and from there
// back: the request still waits.
func (h *Handler) again(w http.ResponseWriter, r *http.Request, m matter) {
	next, err := h.Server.Next(r.Context(), m.interaction.ID)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	m, err := h.matter(r)
	if errors.Is(err, errSignedOut) {
		h.again(w, r, m)
		return
	}
	if m.decided(err, consent.StateActive) {
		next, err := h.Server.Done(r.Context(), r, m.interaction, oauth.StepApproval)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	resident, err := h.Accounts.Resident(r.Context(), m.interaction.Citizen)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	page := present(m)
	page.NameKo, page.NameLatin = resident.NameKo, resident.NameLatin
	web.AllowForm(w, m.interaction.Client.RedirectURIs...)
	w.Header().Set("Cache-Control", "no-store")
	h.pages.Render(w, r, http.StatusOK, "approval", page)
}

// options makes the terms from the ticks and asks for a signature over them.
func (h *Handler) options(w http.ResponseWriter, r *http.Request) {
	m, err := h.matter(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var ticked ticks
	if err := web.DecodeOnly(w, r, &ticked); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	choices, err := m.choices(ticked, web.Lang(r))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	challenge, err := h.challenge(r.Context(), m, choices)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	options, err := h.Accounts.AssertionOptions(r.Context(), m.interaction.Citizen, challenge)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	web.JSON(w, http.StatusOK, map[string]json.RawMessage{"publicKey": options})
}

// challenge is what the passkey signs: the digests of what was left ticked, in
// the order of asking.
func (h *Handler) challenge(ctx context.Context, m matter, choices []*consent.Choice) ([32]byte, error) {
	proposals, err := h.Ledger.ProposeAll(ctx, m.grants, m.offers, m.interaction.Citizen, choices)
	if err != nil {
		return [32]byte{}, err
	}
	var digests [][32]byte
	for _, p := range proposals {
		digest, err := p.Terms.Digest()
		if err != nil {
			return [32]byte{}, err
		}
		digests = append(digests, digest)
	}
	return approval.Challenge(digests, proposals[0].Nonce), nil
}

// finish takes the signature. Taking it again leads on and grants nothing more.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request) {
	m, err := h.matter(r)
	again := m.decided(err, consent.StateActive)
	if err != nil && !again {
		h.fail(w, r, err)
		return
	}
	var answer struct {
		Credential json.RawMessage `json:"credential"`
	}
	if err := web.DecodeOnly(w, r, &answer); err != nil {
		h.Frame.Fail(w, r, http.StatusBadRequest, "web.error.bad_request", err)
		return
	}
	assertion, err := account.Assertion(answer.Credential)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if _, err := h.Ledger.GrantAll(r.Context(), m.grants, m.offers, m.interaction.Citizen, assertion); err != nil {
		h.fail(w, r, err)
		return
	}
	next, err := h.Server.Done(r.Context(), r, m.interaction, oauth.StepApproval)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	web.JSON(w, http.StatusOK, map[string]string{"next": next})
}

// deny is the citizen's no. It needs no passkey and no JavaScript.
func (h *Handler) deny(w http.ResponseWriter, r *http.Request) {
	m, err := h.matter(r)
	if errors.Is(err, errSignedOut) {
		h.again(w, r, m)
		return
	}
	if err != nil && !m.decided(err, consent.StateDenied) {
		h.fail(w, r, err)
		return
	}
	if err := h.Ledger.DenyAll(r.Context(), m.grants, m.interaction.Citizen); err != nil {
		h.fail(w, r, err)
		return
	}
	back, err := h.Server.Deny(r.Context(), r, m.interaction.ID)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// notice answers the privacy notice of one's own grant, as its terms have it.
func (h *Handler) notice(w http.ResponseWriter, r *http.Request) {
	citizen, err := h.Session(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	text, err := h.Ledger.Notice(r.Context(), consent.GrantID(r.PathValue("grant")), citizen)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text)
}
