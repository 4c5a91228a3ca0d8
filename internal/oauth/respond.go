package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/dpop"
)

// internal hides an error that is not the client's.
func internal(err error) *Refusal { return faults(err) }

// refusalOf turns any error into one that may be shown.
func refusalOf(err error) *Refusal {
	var refusal *Refusal
	var proof *dpop.Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &proof):
		if proof.Unwrap() != nil && !errors.Is(proof, dpop.ErrReplayed) {
			return internal(err)
		}
		return &Refusal{Code: proof.Code(), Description: proof.Check + ": " + proof.Cause, Err: err}
	}
	return internal(err)
}

// codes are the error codes that may leave this server, and their status. The
// kit's error type takes constants alone.
var codes = map[string]struct {
	err    oidc.Error
	status int
}{
	"invalid_request":               {oidc.Error{ErrorType: "invalid_request"}, http.StatusBadRequest},
	"invalid_client":                {oidc.Error{ErrorType: "invalid_client"}, http.StatusUnauthorized},
	"invalid_grant":                 {oidc.Error{ErrorType: "invalid_grant"}, http.StatusBadRequest},
	"invalid_scope":                 {oidc.Error{ErrorType: "invalid_scope"}, http.StatusBadRequest},
	"unauthorized_client":           {oidc.Error{ErrorType: "unauthorized_client"}, http.StatusBadRequest},
	"unsupported_grant_type":        {oidc.Error{ErrorType: "unsupported_grant_type"}, http.StatusBadRequest},
	"unsupported_response_type":     {oidc.Error{ErrorType: "unsupported_response_type"}, http.StatusBadRequest},
	"access_denied":                 {oidc.Error{ErrorType: "access_denied"}, http.StatusForbidden},
	"invalid_request_object":        {oidc.Error{ErrorType: "invalid_request_object"}, http.StatusBadRequest},
	"invalid_authorization_details": {oidc.Error{ErrorType: "invalid_authorization_details"}, http.StatusBadRequest},
	"invalid_dpop_proof":            {oidc.Error{ErrorType: "invalid_dpop_proof"}, http.StatusBadRequest},
	"use_dpop_nonce":                {oidc.Error{ErrorType: "use_dpop_nonce"}, http.StatusBadRequest},
	"invalid_token":                 {oidc.Error{ErrorType: "invalid_token"}, http.StatusUnauthorized},
	registry.CodeMetadata:           {oidc.Error{ErrorType: registry.CodeMetadata}, http.StatusBadRequest},
	registry.CodeRedirect:           {oidc.Error{ErrorType: registry.CodeRedirect}, http.StatusBadRequest},
	registry.CodeStatement:          {oidc.Error{ErrorType: registry.CodeStatement}, http.StatusBadRequest},
	"invalid_client_attestation":    {oidc.Error{ErrorType: "invalid_client_attestation"}, http.StatusBadRequest},
	"use_attestation_challenge":     {oidc.Error{ErrorType: "use_attestation_challenge"}, http.StatusBadRequest},
	"use_fresh_attestation":         {oidc.Error{ErrorType: "use_fresh_attestation"}, http.StatusBadRequest},
	"slow_down":                     {oidc.Error{ErrorType: "slow_down"}, http.StatusTooManyRequests},
	"temporarily_unavailable":       {oidc.Error{ErrorType: "temporarily_unavailable"}, http.StatusServiceUnavailable},
	"expired_token":                 {oidc.Error{ErrorType: "expired_token"}, http.StatusBadRequest},
	"server_error":                  {oidc.Error{ErrorType: "server_error"}, http.StatusInternalServerError},
}

// known is a refusal as it may leave, and its status; ctx hears when the client
// may come back.
func (s *Server) known(ctx context.Context, err error) (*oidc.Error, int) {
	refusal := refusalOf(err)
	code, ok := codes[refusal.Code]
	if !ok {
		refusal, code = internal(err), codes["server_error"]
	}
	s.log(ctx, refusal)
	if wait, ok := ctx.Value(waitKey{}).(*time.Duration); ok {
		*wait = refusal.after
	}
	out := code.err
	out.Description = ascii(refusal.Description)
	if refusal.status != 0 {
		code.status = refusal.status
	}
	return &out, code.status
}

// kitError is a refusal for the kit to write.
func (s *Server) kitError(ctx context.Context, err error) error {
	out, status := s.known(ctx, err)
	return op.NewStatusError(out, status)
}

// writeRefusal answers a machine (RFC 6749, 5.2).
func (s *Server) writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	out, status := s.known(r.Context(), err)
	writeJSON(w, status, out)
}

// log tells the operator what a client was told, and what it was not.
func (s *Server) log(ctx context.Context, refusal *Refusal) {
	if s.Refused != nil {
		s.Refused(ctx, refusal.check())
	}
	level := slog.LevelInfo
	switch refusal.Code {
	case "server_error":
		level = slog.LevelError
	case "temporarily_unavailable":
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("code", refusal.Code), slog.String("reason", refusal.Description)}
	if refusal.Err != nil {
		attrs = append(attrs, slog.Any("error", refusal.Err))
	}
	s.Logger.LogAttrs(ctx, level, "oauth refused", attrs...)
}

// ascii keeps a description within what error_description may hold (RFC 6749, 5.2).
func ascii(text string) string {
	out := []byte{}
	for _, r := range text {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			r = '\''
		}
		out = append(out, byte(r))
	}
	return string(out)
}

// writeJSON answers a machine.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// unverified is the payload of a JWS before it is trusted: only to find the
// key by which to verify it.
func unverified(compact string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(compact, assertionAlgorithms)
	if err != nil {
		return nil, err
	}
	return signed.UnsafePayloadWithoutVerification(), nil
}
