package verifier

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// maxOrder bounds an order: a query, transaction data, what others say of us.
const maxOrder = openid4vp.MaxQuery * 4

// Admin serves relying parties over the unix socket, whose file mode is the only
// guard.
func (s *Server) Admin() http.Handler { return s.Frame.Program(s.admin()) }

func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /requests", s.place)
	mux.HandleFunc("GET /results/{id}", s.tell)
	mux.HandleFunc("GET /results/{id}/record", s.tellRecord)
	return http.MaxBytesHandler(mux, maxOrder)
}

// API is Admin for relying parties that have the token (RFC 6750): a local
// address of its own, never that of the pages.
func (s *Server) API(token string) http.Handler {
	want, open := sha256.Sum256([]byte(token)), s.admin()
	return s.Frame.Program(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if token == "" || !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 || len(r.Header["Authorization"]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="verifier"`)
			s.Frame.Problem(w, r, web.Problem{Status: http.StatusUnauthorized, Code: "unauthorized", Check: "token",
				Cause: "a bearer token of this verifier is needed", Mender: "operator"}, nil)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		open.ServeHTTP(w, r)
	}))
}

// tell answers with the result. Where the person was to come back to the relying
// party, it opens with the response_code that came with them.
func (s *Server) tell(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if code := r.URL.Query().Get("response_code"); code != "" {
		if err := s.sessions.land(id, code, [32]byte{}); err != nil {
			s.Frame.Problem(w, r, web.Problem{Status: http.StatusForbidden, Code: "response_code", Check: checkSession,
				Cause: "this response_code opens nothing here", Mender: "operator"}, err)
			return
		}
	}
	result, _, err := s.sessions.result(id)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	web.JSON(w, http.StatusOK, result)
}

func (s *Server) place(w http.ResponseWriter, r *http.Request) {
	var o Order
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &o)
	}
	if err != nil {
		s.badOrder(w, r, errOrder{"order", "not the JSON object expected"})
		return
	}
	q, err := s.read(o)
	if err != nil {
		s.badOrder(w, r, err)
		return
	}
	n, err := s.begin(r.Context(), q, "", o.Page)
	if err != nil {
		s.badOrder(w, r, err)
		return
	}
	placed := Placed{Request: n.asks[0].link, ID: n.id}
	if o.Page {
		placed.Page = s.URL + "/open/" + n.key
	}
	web.JSON(w, http.StatusOK, placed)
}

func (s *Server) badOrder(w http.ResponseWriter, r *http.Request, err error) {
	bad, ok := errors.AsType[errOrder](err)
	if !ok {
		s.refuse(w, r, err)
		return
	}
	s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Check: bad.member, Cause: bad.cause, Mender: "operator"}, nil)
}
