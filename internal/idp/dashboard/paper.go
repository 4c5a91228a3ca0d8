package dashboard

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/pkg/consent/receipt/reading"
)

//go:embed static
var paperFiles embed.FS

// worded are the ids of the texts there are.
var worded = sync.OnceValue(func() map[string]string {
	raw, err := files.ReadFile("locale/en.json")
	ids := map[string]string{}
	if err == nil {
		err = json.Unmarshal(raw, &ids)
	}
	if err != nil {
		panic("dashboard: " + err.Error()) // the frame has read the same file
	}
	return ids
})

func (h *Handler) mountPaper(mux *http.ServeMux) {
	h.Frame.Assets(paperFiles)
	mux.HandleFunc("GET /me/receipts/{id}/print", h.signedIn(h.paper))
}

// paperView is a receipt on paper. Link and Digest are in the QR code too: the
// digest is behind #, which no browser sends, and tells nothing to who has no
// copy of the receipt.
type paperView struct {
	here
	ID      string
	State   string
	Printed time.Time
	Agreed  []paperLine
	Events  []paperEvent
	Link    string
	Page    string
	Digest  string
	File    string
}

// paperLine is a line of the terms in words; the first has no label.
type paperLine struct{ Label, Text string }

// paperEvent is an event; one of a kind that has no text is shown by its word.
type paperEvent struct {
	Kind, Consumer, Provider, By string
	Known                        bool
	Use                          int
	At                           time.Time
}

// paper is the page that prints a receipt. It carries what the file says, and
// the digest that each copy of the file answers.
func (h *Handler) paper(w http.ResponseWriter, r *http.Request, s account.Session) error {
	ctx, cancel := context.WithTimeout(r.Context(), receiptWait)
	defer cancel()
	whole, err := h.Receipts.ForCitizen(ctx, consent.GrantID(r.PathValue("id")), s.Citizen)
	if err != nil {
		return fmt.Errorf("paper: %w", err)
	}
	digest, err := whole.PaperDigest(len(whole.Events))
	if err != nil {
		return fmt.Errorf("paper: %w", err)
	}
	lang := web.Lang(r)
	out := reading.Of(whole, receipt.Report{})
	page := h.Hub + "/receipt"
	view := paperView{
		here: here{"consents"}, ID: whole.ID, State: h.word(lang, "me.state.", out.State), Printed: time.Now(),
		Link: page + "#" + digest, Page: page, Digest: digest, File: "/me/receipts/" + string(whole.Terms.GrantID),
	}
	for _, t := range out.Terms {
		if t.Lang == lang {
			view.Agreed = inLines(t.Text)
		}
	}
	asks := whole.Terms.Controller
	if len(whole.Terms.Recipient) == 1 {
		asks = whole.Terms.Recipient[0].Name // as agreed, whatever the catalogue says today
	}
	for _, e := range out.Events {
		_, known := worded()["me.event."+string(e.Kind)]
		view.Events = append(view.Events, paperEvent{
			Kind: string(e.Kind), Known: known, Consumer: asks, Provider: whole.Terms.Provider.Name, Use: e.Use,
			At: e.At, By: h.word(lang, "me.paper.by.", e.By),
		})
	}
	h.pages.Render(w, r, http.StatusOK, "paper", view)
	return nil
}

// word is a text of a family, or the word itself where there is none yet.
func (h *Handler) word(lang, family, word string) string {
	if _, ok := worded()[family+word]; !ok {
		return word
	}
	return h.Frame.Text(lang, family+word)
}

// inLines cuts the text of terms at its labels.
func inLines(text string) (all []paperLine) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		label, rest, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "- ") {
			label, rest = "", line
		}
		all = append(all, paperLine{label, rest})
	}
	return all
}
