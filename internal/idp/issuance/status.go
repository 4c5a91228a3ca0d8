package issuance

import (
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// lastTime is the end of the year 9999.
const lastTime = 253402300799

// status serves a Status List Token (draft-ietf-oauth-status-list, 8.1, 8.2), or
// the one of a time that has passed (8.4): to anybody, from anywhere.
func (h *Handler) status(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept, Accept-Encoding")
	public(w, "max-age=5")
	media := statuslist.Negotiate(strings.Join(r.Header.Values("Accept"), ","))
	if media == "" {
		_, err := h.Issuer.StatusToken(r.Context(), r.PathValue("list"), statuslist.MediaType)
		if err == nil { // there is one, in other forms
			err = errForm
		}
		h.refuse(w, r, err)
		return
	}
	at, asked, err := readTime(r.URL)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	var token []byte
	if asked {
		token, err = h.Issuer.StatusTokenAt(r.Context(), r.PathValue("list"), media, at)
	} else {
		token, err = h.Issuer.StatusToken(r.Context(), r.PathValue("list"), media)
	}
	if errors.Is(err, credential.ErrNoHistory) { // it is not the service that failed
		web.Refused(r.Context(), "status list")
		web.JSON(w, http.StatusNotImplemented, map[string]string{"code": "no_history", "cause": "lists of the past are not given out here"})
		return
	}
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", media)
	if media == statuslist.MediaType && acceptsGzip(r) { // base64url of compressed bytes: a quarter is spared
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		_, _ = zipped.Write(token)
		_ = zipped.Close()
		return
	}
	_, _ = w.Write(token)
}

// readTime reads `time` of the query. One that is there twice, or cannot be read
// for what stands beside it, is refused: the list of now would be taken for it.
func readTime(u *url.URL) (at time.Time, asked bool, err error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return at, true, errTime
	}
	values, asked := query["time"]
	if !asked {
		return at, false, nil
	}
	seconds, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || len(values) != 1 || seconds < 0 || seconds > lastTime {
		return at, true, errTime
	}
	return time.Unix(seconds, 0), true, nil
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, q, weighed := strings.Cut(strings.ReplaceAll(part, " ", ""), ";q=")
		if strings.EqualFold(name, "gzip") {
			weight, err := strconv.ParseFloat(q, 64)
			return !weighed || err == nil && weight > 0
		}
	}
	return false
}

// statusLists names all lists (draft, 9.3).
func (h *Handler) statusLists(w http.ResponseWriter, r *http.Request) {
	all, err := h.Issuer.Aggregation(r.Context())
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	public(w, "max-age=60")
	web.JSON(w, http.StatusOK, all)
}

// basis of what is about to be issued; whom the register does not know is told so
// later.
func (h *Handler) basis(ctx context.Context, citizen string) (string, error) {
	if h.Basis == nil {
		return "", nil
	}
	basis, err := h.Basis(ctx, citizen)
	if errors.Is(err, account.ErrNotFound) {
		return "", nil
	}
	return basis, err
}
