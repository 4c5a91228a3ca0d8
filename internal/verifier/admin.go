package verifier

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential/openid4vp"
)

// Order is what the command asks for: a DCQL query, or a format whose default
// question is asked.
type Order struct {
	Query  json.RawMessage `json:"query,omitempty"`
	Format string          `json:"format,omitempty"`
}

// Placed is the command's answer.
type Placed struct {
	Request string `json:"request"`
	ID      string `json:"id"`
}

// Admin serves the commands over the unix socket, whose file mode is the only
// guard.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /requests", s.place)
	mux.HandleFunc("GET /results/{id}", func(w http.ResponseWriter, r *http.Request) {
		result, _, err := s.sessions.result(r.PathValue("id"))
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		web.JSON(w, http.StatusOK, result)
	})
	return http.MaxBytesHandler(mux, openid4vp.MaxQuery*2)
}

func (s *Server) place(w http.ResponseWriter, r *http.Request) {
	var o Order
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &o)
	}
	if err != nil {
		s.badOrder(w, r, "order", "not the JSON object expected")
		return
	}
	query := s.Queries[0].Query
	switch {
	case len(o.Query) > 0 && o.Format != "":
		s.badOrder(w, r, "order", "query and format exclude each other")
		return
	case len(o.Query) > 0:
		if query, err = openid4vp.ParseQuery(o.Query); err != nil {
			s.badOrder(w, r, "query", err.Error())
			return
		}
	case o.Format != "" && o.Format != openid4vp.FormatSDJWT:
		s.badOrder(w, r, "format", "only "+openid4vp.FormatSDJWT+" is known here")
		return
	}
	n, err := s.begin(r.Context(), query, "")
	switch {
	case errors.Is(err, openid4vp.ErrQuery):
		s.badOrder(w, r, "query", err.Error())
	case err != nil:
		s.refuse(w, r, err)
	default:
		web.JSON(w, http.StatusOK, Placed{Request: s.link(n.asks[0]), ID: n.id})
	}
}

func (s *Server) badOrder(w http.ResponseWriter, r *http.Request, check, cause string) {
	s.Frame.Problem(w, r, web.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Check: check, Cause: cause, Mender: "operator"}, nil)
}
