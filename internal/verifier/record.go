package verifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// A record is what a relying party keeps of one presentation (credential.Record).
// It is made when it is asked for, while the result is in memory, and kept here by
// nobody.

var errRecord = errors.New("no record of this")

// recordable are the questions whose answer can be kept: signed for by its holder
// and asked in a request that a certificate signed, as a record shows both.
func recordable(n *session) (ids []string) {
	if len(n.answer.by.Chain) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, p := range n.kept {
		if p.OK && p.Result.Bound && !seen[p.Query] {
			ids = append(ids, p.Query)
			seen[p.Query] = true
		}
	}
	return ids
}

// record makes the record of the first presentation that answered a question; ""
// is the only one.
func (s *Server) record(n *session, query string) ([]byte, error) {
	ids := recordable(n)
	if query == "" && len(ids) == 1 {
		query = ids[0]
	}
	for _, p := range n.kept {
		if !p.OK || !p.Result.Bound || p.Query != query || len(ids) == 0 {
			continue
		}
		request, err := n.answer.request.Object(n.answer.by, openid4vp.Caller{})
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		dcql, err := json.Marshal(n.answer.request.Query)
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		r, err := credential.NewRecord(p.Result, credential.Asked{Request: request, Query: dcql, QueryID: query, Answer: openid4vp.Answer}, s.Key)
		if err != nil {
			return nil, err
		}
		return r.Marshal()
	}
	return nil, errRecord
}

// tellRecord is for relying parties.
func (s *Server) tellRecord(w http.ResponseWriter, r *http.Request) {
	result, n, err := s.sessions.result(r.PathValue("id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	var body []byte
	if err = errRecord; result.Status == Verified {
		body, err = s.record(n, r.URL.Query().Get("query"))
	}
	if err != nil {
		p := web.Problem{Status: http.StatusConflict, Code: "record", Check: "record", Cause: "nothing was verified under this id and query that a record could show", Mender: "operator"}
		if errors.Is(err, credential.ErrUnasked) {
			p.Code, p.Cause, p.Mender = "unasked", credential.ErrUnasked.Error(), "wallet"
		}
		s.Frame.Problem(w, r, p, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
}

// saveRecord is for the browser that asked.
func (s *Server) saveRecord(w http.ResponseWriter, r *http.Request) {
	result, n, err := s.sessions.result(r.PathValue("id"))
	if err != nil || n.browser != hashCookie(s.Frame.Cookie(r, cookieName)) {
		s.Frame.Fail(w, r, http.StatusNotFound, "verifier.error.unknown", err)
		return
	}
	var body []byte
	if err = errRecord; result.Status == Verified {
		body, err = s.record(n, r.URL.Query().Get("query"))
	}
	if err != nil {
		s.Frame.Fail(w, r, http.StatusConflict, "verifier.error.record", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="presentation-record.json"`)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
}
