package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
)

// whole is the citizen's receipt, which every download is made from.
func (h *Handler) whole(r *http.Request, s account.Session) (receipt.Receipt, error) {
	ctx, cancel := context.WithTimeout(r.Context(), receiptWait)
	defer cancel()
	whole, err := h.Receipts.ForCitizen(ctx, consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil {
		return whole, fmt.Errorf("receipt: %w", err)
	}
	return whole, nil
}

func download(w http.ResponseWriter, name, media string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(append(body, '\n'))
	return nil
}

func (h *Handler) receipt(w http.ResponseWriter, r *http.Request, s account.Session) error {
	whole, err := h.whole(r, s)
	if err != nil {
		return err
	}
	return download(w, "mydata-receipt.json", "application/json", whole)
}

// answer gives the proof of a request that was denied, cancelled or left alone.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, s account.Session) error {
	ctx, cancel := context.WithTimeout(r.Context(), receiptWait)
	defer cancel()
	answer, err := h.Receipts.AnswerForCitizen(ctx, consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return download(w, "mydata-answer.json", "application/json", answer)
}

// exportRecord gives a consent receipt of ISO/IEC TS 27560 in JSON-LD.
func (h *Handler) exportRecord(w http.ResponseWriter, r *http.Request, s account.Session) error {
	whole, err := h.whole(r, s)
	if err != nil {
		return err
	}
	exported, err := whole.Export(h.Hub)
	if err != nil {
		return fmt.Errorf("consent record: %w", err)
	}
	return download(w, "mydata-consent-record.jsonld", "application/ld+json", exported)
}

// exportDetails gives what was agreed as RFC 9396 authorization_details.
func (h *Handler) exportDetails(w http.ResponseWriter, r *http.Request, s account.Session) error {
	whole, err := h.whole(r, s)
	if err != nil {
		return err
	}
	details, err := consent.Details(whole.Terms)
	if err != nil {
		return fmt.Errorf("authorization details: %w", err)
	}
	return download(w, "mydata-authorization-details.json", "application/json", map[string]any{"authorization_details": details})
}
