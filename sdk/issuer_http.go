package sdk

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
)

// ServeHTTP serves the metadata, the endpoints for nonces, credentials, deferred ones
// and notifications, the status lists and the types.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	i.mux.ServeHTTP(w, r)
}

// public lets pages of any origin read what is public anyway.
func public(w http.ResponseWriter, cache string) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", cache)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (i *Issuer) metadata(w http.ResponseWriter, _ *http.Request) {
	public(w, "max-age=300")
	answerJSON(w, http.StatusOK, i.Metadata())
}

func (i *Issuer) nonce(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, openid4vci.NonceResponse{CNonce: i.nonces.Make()})
}

// statusList is a Status List Token, to anybody.
func (i *Issuer) statusList(w http.ResponseWriter, r *http.Request) {
	token, err := i.signedList(r.Context(), r.PathValue("list"))
	if errors.Is(err, ErrAbsent) {
		err = &Error{By: "sdk", Reason: "not_found", Check: "status list", Cause: "there is no such list", Mender: "issuer", Status: http.StatusNotFound}
	}
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	public(w, "max-age=5")
	w.Header().Set("Content-Type", statuslist.MediaType)
	_, _ = io.WriteString(w, token)
}

// credential answers a Credential Request (OpenID4VCI 1.0, 8).
func (i *Issuer) credential(w http.ResponseWriter, r *http.Request) {
	token, err := i.token(r, "/credential")
	var request openid4vci.CredentialRequest
	if err == nil {
		var body []byte
		if body, err = requestBody(r); err == nil {
			request, err = openid4vci.ParseCredentialRequest(body)
		}
	}
	if err == nil {
		err = token.covers(request)
	}
	var answer openid4vci.CredentialResponse
	if err == nil {
		answer, err = i.issue(r.Context(), token, request)
	}
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	answerIssued(w, answer)
}

// answerIssued tells by the status what came (OpenID4VCI 1.0, 8.3).
func answerIssued(w http.ResponseWriter, answer openid4vci.CredentialResponse) {
	status := http.StatusOK
	if answer.TransactionID != "" {
		status = http.StatusAccepted
	}
	answerJSON(w, status, answer)
}

func requestBody(r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, &Error{By: "sdk", Reason: "media_type", Check: "content type", Cause: "send application/json", Mender: "wallet", Status: http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, openid4vci.MaxMessage+1))
	if err != nil || len(body) > openid4vci.MaxMessage {
		return nil, &Error{By: "sdk", Reason: "body", Check: "body", Cause: "it cannot be read, or is too large", Mender: "wallet", Status: http.StatusRequestEntityTooLarge}
	}
	return body, nil
}

// covers tells whether a token is for what is asked: by one of the identifiers
// that came with it, else by the configuration (OpenID4VCI 1.0, 8.2).
func (t issuanceToken) covers(request openid4vci.CredentialRequest) error {
	ids := t.Detail.CredentialIdentifiers
	switch {
	case request.CredentialIdentifier != "" && !slices.Contains(ids, request.CredentialIdentifier):
		return &openid4vci.Error{Code: openid4vci.UnknownCredentialIdentifier, Check: "credential_identifier", Description: "the token response named no such identifier"}
	case request.CredentialIdentifier == "" && len(ids) > 0:
		return &openid4vci.Error{Code: openid4vci.InvalidCredentialRequest, Check: "credential_identifier", Description: "use the credential_identifiers of the token response"}
	case request.CredentialIdentifier == "" && request.CredentialConfigurationID != t.Detail.CredentialConfigurationID:
		return &openid4vci.Error{Code: openid4vci.UnknownCredentialConfiguration, Check: "credential_configuration_id", Description: "the token is for another document"}
	}
	return nil
}

// refuse answers a wallet: OpenID4VCI's own codes, RFC 6750's for the token, and
// a problem document for the rest. What is not a refusal stays in our own log.
func (i *Issuer) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var protocol *openid4vci.Error
	var e *Error
	check, status := "service", http.StatusInternalServerError
	var body any = problem{Code: "internal", Check: check, Cause: "the issuer has a fault", Mender: "issuer", Status: status}
	switch {
	case errors.As(err, &protocol):
		check, status, body = protocol.Check, protocol.Status(), protocol
	case errors.As(err, &e):
		check, status = e.Check, e.Status
		body = problem{Type: "urn:mydata:problem:" + e.Reason, Title: http.StatusText(status), Status: status, Code: e.Reason, Check: e.Check, Cause: e.Cause, Mender: e.Mender}
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `DPoP error="`+e.Reason+`", algs="ES256"`)
			body = map[string]string{"error": e.Reason, "error_description": e.Check + ": " + strings.ReplaceAll(e.Cause, `"`, "'")}
		}
	}
	if i.config.Refused != nil {
		i.config.Refused(check)
	}
	log := i.config.Logger.WarnContext
	if status >= 500 {
		log = i.config.Logger.ErrorContext
	}
	log(r.Context(), "issuance refused", "check", check, "error", err.Error())
	answerJSON(w, status, body)
}
