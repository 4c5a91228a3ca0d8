package oauth

import (
	"context"
	"net/http"
)

// Questions is what a Question asks of the authorization server; *Server is one.
type Questions interface {
	Interaction(ctx context.Context, r *http.Request, id string) (Interaction, error)
	Done(ctx context.Context, r *http.Request, in Interaction, step string) (next string, err error)
	Deny(ctx context.Context, r *http.Request, id string) (string, error)
	Next(ctx context.Context, id string) (string, error)
}

// Question is a page between login and callback on which whoever logged in says
// yes or no, but for what it shows. Its routes name the interaction by
// {interaction}.
type Question struct {
	Server Questions
	Step   string                  // that a yes passes
	About  func(Interaction) error // why it is not what an interaction asks; nil: it always is
	Fail   func(http.ResponseWriter, *http.Request, error)
}

// Asked is the interaction of this browser; false where it has answered, for the
// login comes first.
func (q Question) Asked(w http.ResponseWriter, r *http.Request) (Interaction, bool) {
	in, err := q.Server.Interaction(r.Context(), r, r.PathValue("interaction"))
	if err == nil && q.About != nil {
		err = q.About(in)
	}
	switch {
	case err != nil:
		q.Fail(w, r, err)
	case in.Citizen == "":
		q.next(w, r, in.ID)
	default:
		return in, true
	}
	return in, false
}

// Agree is the route of a yes.
func (q Question) Agree(w http.ResponseWriter, r *http.Request) {
	if in, ok := q.Asked(w, r); ok {
		q.Pass(w, r, in)
	}
}

// Pass notes the yes and leads on; false where it was refused.
func (q Question) Pass(w http.ResponseWriter, r *http.Request, in Interaction) bool {
	next, err := q.Server.Done(r.Context(), r, in, q.Step)
	if err != nil {
		q.Fail(w, r, err)
		return false
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return true
}

// Deny is the route of a no.
func (q Question) Deny(w http.ResponseWriter, r *http.Request) {
	in, ok := q.Asked(w, r)
	if !ok {
		return
	}
	back, err := q.Server.Deny(r.Context(), r, in.ID)
	if err != nil {
		q.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (q Question) next(w http.ResponseWriter, r *http.Request, id string) {
	next, err := q.Server.Next(r.Context(), id)
	if err != nil {
		q.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}
