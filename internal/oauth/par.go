package oauth

import (
	"context"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// uriPrefix is that of our request_uri (RFC 9126, 2.2).
const uriPrefix = "urn:ietf:params:oauth:request_uri:"

// pushedLife is how long a pushed request waits: under the 600 s of FAPI 2.0,
// 5.3.2.2.
const pushedLife = 90 * time.Second

// par is the pushed authorization request endpoint (RFC 9126, 2).
func (s *Server) par(w http.ResponseWriter, r *http.Request) {
	s.nonce(w, registry.Client{})
	form, refusal := postForm(w, r)
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	client, refusal := s.authenticate(r.Context(), credentialsOf(r, form))
	if refusal != nil {
		s.writeRefusal(w, r, refusal)
		return
	}
	s.nonce(w, client)
	if err := s.Limits.Take(r.Context(), budgetPAR, spender(client)); err != nil {
		s.writeRefusal(w, r, err)
		return
	}
	uri, err := s.push(r, client, form)
	if err != nil {
		s.writeRefusal(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(pushedLife.Seconds())})
}

// push checks a request and keeps it.
func (s *Server) push(r *http.Request, client registry.Client, form url.Values) (string, error) {
	p, object, refusal := s.pushedParams(r.Context(), client, form)
	if refusal != nil {
		return "", refusal
	}
	if refusal := p.target(client); refusal != nil {
		return "", refusal
	}
	a, refusal := p.authorization(client)
	if refusal != nil {
		return "", refusal
	}
	if refusal := s.claimed(client, p.asks(), &a); refusal != nil {
		return "", refusal
	}
	if err := s.bindPushed(r, client, &a); err != nil {
		return "", err
	}
	a.Instance = instanceOf(r.Context())
	var err error
	if a.Refs, err = s.validateDetails(r.Context(), client, p, object); err != nil {
		return "", err
	}
	s.youngest(&a)
	id := secret()
	return uriPrefix + id, s.Store.PutPushed(r.Context(), Pushed{
		Hash: hash("request_uri", id), Client: client.ID, Request: a, Expires: s.now().Add(pushedLife),
	})
}

// pushedParams are the parameters of the signed request object, or of the form
// where the client's registration allows plain ones.
func (s *Server) pushedParams(ctx context.Context, client registry.Client, form url.Values) (params, stdjson.RawMessage, *Refusal) {
	// RFC 9126, 2.1: "request_uri MUST NOT be provided".
	if form.Has("request_uri") {
		return params{}, nil, refuse("invalid_request", "request_uri cannot be pushed")
	}
	if form.Has("request") {
		if len(client.JWKS.Keys) == 0 && client.JWKSURI == "" {
			return params{}, nil, refuse("invalid_request_object", "this client has no registered key")
		}
		client, refusal := s.keyed(ctx, client, form.Get("request"))
		if refusal != nil {
			return params{}, nil, refusal
		}
		return parseObject(form.Get("request"), client, s.Issuer, s.now())
	}
	if client.SignedRequest {
		return params{}, nil, refuse("invalid_request", "this client must sign its request object")
	}
	p, refusal := fromForm(form)
	return p, nil, refusal
}

// bindPushed takes the key that the code will be bound to from dpop_jkt or from
// a proof; when both are there they must agree (RFC 9449, 10.1).
func (s *Server) bindPushed(r *http.Request, c registry.Client, a *Authorization) error {
	if len(r.Header.Values(dpop.Header)) == 0 {
		return nil
	}
	proof, err := prove(r, s.clientPolicy(c, "/par", a.JKT, ""))
	if err != nil {
		return err
	}
	a.JKT = proof.JKT
	return nil
}

// validateDetails hands authorization_details to whoever owns their type. It
// comes last: what it keeps is for a request that is otherwise good.
func (s *Server) validateDetails(ctx context.Context, c registry.Client, p params, object stdjson.RawMessage) (map[string]string, error) {
	kind, elements, refusal := p.details()
	if refusal != nil {
		return nil, refusal
	}
	if kind == "" {
		return nil, nil
	}
	detail := s.detail(kind)
	if detail == nil {
		return nil, refuse("invalid_authorization_details", "unknown type")
	}
	if refusal := strangers(detail, elements); refusal != nil {
		return nil, refusal
	}
	refs, err := detail.Validate(ctx, c, elements, object)
	var why *Refusal
	if errors.As(err, &why) {
		return nil, &Refusal{Code: "invalid_authorization_details", Description: why.Description, Err: err}
	}
	if err != nil {
		return nil, internal(err)
	}
	return map[string]string{kind: strings.Join(refs, " ")}, nil
}

// detail is the owner of a type, or nil.
func (s *Server) detail(kind string) DetailType {
	for _, d := range s.Details {
		if d.Type() == kind {
			return d
		}
	}
	return nil
}
