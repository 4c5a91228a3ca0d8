package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// Listing is what an agency says of itself, its data sets and its purposes,
// signed with its certificate (ListingType). It replaces what it said before.
type Listing struct {
	IssuedAt   int64               `json:"iat"`
	Entry      string              `json:"entry"` // catalogue.SignEntry
	ResidentID bool                `json:"resident_id,omitempty"`
	DataSets   []catalogue.DataSet `json:"data_sets,omitempty"`
	Purposes   []catalogue.Purpose `json:"purposes,omitempty"`
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	err := h.admit()
	var version int64
	if err == nil {
		version, err = h.listed(w, r)
	}
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	web.JSON(w, http.StatusOK, map[string]int64{"version": version})
}

func (h *Handler) listed(w http.ResponseWriter, r *http.Request) (int64, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/jose" {
		return 0, refuse(http.StatusUnsupportedMediaType, "media_type", "content type", "send one compact JWS as application/jose")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.BodyLimit))
	if err != nil {
		return 0, refuse(http.StatusRequestEntityTooLarge, "body", "body", "it cannot be read, or is too large")
	}
	listing, self, err := h.open(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, err
	}
	if err := h.certified(r.Context(), self); err != nil {
		return 0, err
	}
	return h.publish(r.Context(), listing, self)
}

// certified refuses an issuer's address that the agency has no certificate for: to who
// lists one the hub says who its citizens are.
func (h *Handler) certified(ctx context.Context, self catalogue.Agency) error {
	if self.CredentialIssuer == "" {
		return nil
	}
	mine, err := h.Claim(ctx, 0, issuerClaims(strings.TrimPrefix(self.ID, agencyPrefix), self.CredentialIssuer)...)
	if err == nil && !mine {
		err = refuse(http.StatusConflict, "taken", "credential_issuer", "the agency did not register this address, or another has it")
	}
	return err
}

// open checks who signed, when, and that the entry is the same agency's.
func (h *Handler) open(compact string) (Listing, catalogue.Agency, error) {
	var l Listing
	now := h.Now()
	id, payload, err := catalogue.OpenSigned(compact, ListingType, h.Roots, now)
	if err != nil {
		return l, catalogue.Agency{}, bad("signature", "it is not an agency's of this sandbox")
	}
	if err := json.Unmarshal(payload, &l); err != nil {
		return l, catalogue.Agency{}, bad("listing", "it cannot be read")
	}
	if now.Sub(time.Unix(l.IssuedAt, 0)).Abs() > listingLife {
		return l, catalogue.Agency{}, bad("iat", "it was not signed just now")
	}
	entry, err := catalogue.OpenEntry(l.Entry, h.Roots, now)
	if err != nil || entry.Issuer != id {
		return l, catalogue.Agency{}, bad("entry", "it is not the signer's own")
	}
	self, err := entry.Apply(catalogue.Agency{ID: id, Jurisdiction: "KR", ResidentID: l.ResidentID}, l.Entry)
	if err != nil {
		return l, catalogue.Agency{}, bad("entry", err.Error())
	}
	return l, self, nil
}

// publish puts the agency's part in the place of the one before. One listing at
// a time: two at once would each take the other's away.
func (h *Handler) publish(ctx context.Context, l Listing, self catalogue.Agency) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := catalogue.Catalogue{Version: 1} // publishing gives the next
	if now := h.Catalogue(); now != nil {
		next = *now
	}
	if err := merge(&next, l, self); err != nil {
		return 0, err
	}
	if err := next.Validate(); err != nil {
		return 0, unfit(err)
	}
	raw, err := json.Marshal(next)
	if err != nil {
		return 0, err
	}
	if _, err := catalogue.Parse(raw); err != nil { // a schema is taken as it came
		return 0, unfit(err)
	}
	version, err := h.Publish(ctx, raw)
	if errors.Is(err, registry.ErrRefused) {
		err = unfit(err)
	}
	return version, err
}

func unfit(err error) error { return bad("catalogue", strings.TrimPrefix(err.Error(), "catalogue: ")) }

func merge(c *catalogue.Catalogue, l Listing, self catalogue.Agency) error {
	if len(l.DataSets) > maxDataSets || len(l.Purposes) > maxPurposes {
		return refuse(http.StatusConflict, "quota", "quota", "too many data sets or purposes")
	}
	others := slices.DeleteFunc(slices.Clone(c.Agencies), func(a catalogue.Agency) bool { return a.ID == self.ID })
	if len(others) >= maxAgencies {
		return refuse(http.StatusConflict, "quota", "quota", "this sandbox is full of agencies")
	}
	c.Agencies = slices.Concat(others, []catalogue.Agency{self})
	sets := slices.DeleteFunc(slices.Clone(c.DataSets), func(s catalogue.DataSet) bool { return s.Provider == self.ID })
	for _, s := range l.DataSets {
		if s.Provider != self.ID {
			return bad("data set", "it names another provider")
		}
		if slices.ContainsFunc(sets, func(t catalogue.DataSet) bool { return t.ID == s.ID }) {
			return refuse(http.StatusConflict, "taken", "data set", "its id is another's, or named twice")
		}
		sets = append(sets, s)
	}
	// A purpose is known by its code, which begins with the name of its agency and
	// what no name has: _.
	own := strings.TrimPrefix(self.ID, agencyPrefix) + "_"
	purposes := slices.DeleteFunc(slices.Clone(c.Purposes), func(p catalogue.Purpose) bool { return strings.HasPrefix(p.Code, own) })
	for _, p := range l.Purposes {
		if !strings.HasPrefix(p.Code, own) {
			return bad("purpose", "its code does not begin with "+own)
		}
		purposes = append(purposes, p)
	}
	c.DataSets, c.Purposes = sets, purposes
	return readable(c, own)
}

// readable refuses a purpose that reads what is not there, and says whose turn it is.
func readable(c *catalogue.Catalogue, own string) error {
	for _, p := range c.Purposes {
		for _, id := range p.DataSets {
			if slices.ContainsFunc(c.DataSets, func(s catalogue.DataSet) bool { return s.ID == id }) {
				continue
			}
			if strings.HasPrefix(p.Code, own) {
				return bad("purpose", fmt.Sprintf("data set %q is not there: its provider has to join first", id))
			}
			agency, _, _ := strings.Cut(p.Code, "_")
			return refuse(http.StatusConflict, "in_use", "data set", fmt.Sprintf("%q is gone, and purpose %q of %s reads it: that agency has to join without it first", id, p.Code, agency))
		}
	}
	return nil
}
