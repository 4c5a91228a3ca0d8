package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/govmydata/mydata/internal/registry"
)

// Registrar lets clients register themselves; *registry.Registry is one. Its refusals
// are registry.ErrNotAllowed, registry.ErrUnknown and *registry.MetadataError.
type Registrar interface {
	Register(ctx context.Context, initial string, metadata json.RawMessage) (registry.Information, error)
	Registration(ctx context.Context, id, token string) (registry.Client, error)
	Reregister(ctx context.Context, id, token string, metadata json.RawMessage) (registry.Information, error)
	Unregister(ctx context.Context, id, token string) error
}

// maxRegistration bounds a client's metadata.
const maxRegistration = 32 << 10

// mountRegistration adds the endpoints of RFC 7591 and RFC 7592.
func (s *Server) mountRegistration(mux *http.ServeMux) {
	if s.Registrar == nil {
		return
	}
	mux.Handle("POST /register", noStore(s.guarded(s.register)))
	mux.Handle("GET /register/{client}", noStore(s.guarded(s.registration)))
	mux.Handle("PUT /register/{client}", noStore(s.guarded(s.reregister)))
	mux.Handle("DELETE /register/{client}", noStore(s.guarded(s.unregister)))
}

// register is the client registration endpoint (RFC 7591, 3).
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(r)
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	metadata, err := registrationBody(w, r)
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	given, err := s.Registrar.Register(r.Context(), token, metadata)
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	s.Logger.InfoContext(r.Context(), "client registered itself", "client", given.Client.ID)
	writeJSON(w, http.StatusCreated, s.information(given))
}

// registration, reregister and unregister are the client configuration endpoint
// (RFC 7592, 2).
func (s *Server) registration(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(r)
	var c registry.Client
	if err == nil {
		c, err = s.Registrar.Registration(r.Context(), r.PathValue("client"), token)
	}
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, s.information(registry.Information{Client: c, Token: token}))
}

func (s *Server) reregister(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(r)
	var metadata json.RawMessage
	if err == nil {
		metadata, err = registrationBody(w, r)
	}
	var given registry.Information
	if err == nil {
		given, err = s.Registrar.Reregister(r.Context(), r.PathValue("client"), token, metadata)
	}
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	s.Logger.InfoContext(r.Context(), "client changed its registration", "client", given.Client.ID)
	writeJSON(w, http.StatusOK, s.information(given))
}

func (s *Server) unregister(w http.ResponseWriter, r *http.Request) {
	token, err := bearer(r)
	if err == nil {
		err = s.Registrar.Unregister(r.Context(), r.PathValue("client"), token)
	}
	if err != nil {
		s.refuseRegistration(w, r, err)
		return
	}
	s.Logger.InfoContext(r.Context(), "client ended its registration", "client", r.PathValue("client"))
	w.WriteHeader(http.StatusNoContent)
}

// information is RFC 7591, 3.2.1 with RFC 7592, 3.
func (s *Server) information(given registry.Information) map[string]any {
	m := given.Client.Metadata()
	m["client_id_issued_at"] = given.Client.Registered.Unix()
	m["registration_access_token"] = given.Token
	m["registration_client_uri"] = s.Issuer + "/register/" + url.PathEscape(given.Client.ID)
	if given.Secret != "" {
		m["client_secret"] = given.Secret
	}
	if given.Client.AuthMethod == registry.AuthSecretBasic {
		m["client_secret_expires_at"] = 0
	}
	return m
}

// bearer finds the access token, in the Authorization field alone (RFC 6750, 2.1).
func bearer(r *http.Request) (string, error) {
	fields := r.Header.Values("Authorization")
	if len(fields) == 0 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	if len(fields) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxText {
		return "", refuse("invalid_token", "one Authorization field, Bearer")
	}
	return token, nil
}

// registrationBody reads a JSON document.
func registrationBody(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, refuse(registry.CodeMetadata, "metadata: the content type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRegistration))
	if err != nil {
		return nil, refuse(registry.CodeMetadata, "metadata: the body breaks off, or is too long")
	}
	return body, nil
}

// refuseRegistration answers by RFC 7591, 3.2.2 and RFC 7592, 2. An unknown client is
// refused as a wrong token is.
func (s *Server) refuseRegistration(w http.ResponseWriter, r *http.Request, err error) {
	var metadata *registry.MetadataError
	switch {
	case errors.Is(err, errNoToken):
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
		return
	case errors.Is(err, registry.ErrNotAllowed):
		err = &Refusal{Code: "invalid_token", Description: "token: unknown, used up or expired", Err: err}
	case errors.Is(err, registry.ErrUnknown):
		err = &Refusal{Code: "invalid_token", Description: "token: it manages no such client", Err: err}
	case errors.As(err, &metadata):
		err = &Refusal{Code: metadata.Code(), Description: metadata.Field + ": " + metadata.Cause, Err: err}
	}
	refusal := refusalOf(err)
	retryAfter(w, refusal.after)
	if refusal.Code == "invalid_token" {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="`+ascii(refusal.Description)+`"`)
	}
	s.writeRefusal(w, r, refusal)
}
