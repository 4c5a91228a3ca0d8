package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
)

// documents certifies the key by which an agency signs documents of its own. An
// address is one agency's and an agency has one, for good; none is the hub's.
func (h *Handler) documents(ctx context.Context, in Registration) (string, error) {
	if in.CredentialIssuer == "" {
		return "", nil
	}
	u, err := url.Parse(in.CredentialIssuer)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" ||
		strings.ContainsAny(in.CredentialIssuer, "?# ") || strings.HasSuffix(in.CredentialIssuer, "/") || len(in.CredentialIssuer) > 200 {
		return "", bad("credential_issuer", "it is no web address without query, fragment and slash at its end")
	}
	if own, err := url.Parse(h.Hub); err != nil || strings.EqualFold(own.Host, u.Host) {
		return "", bad("credential_issuer", "that address is the hub's")
	}
	key, err := requestKey(in.DocumentsCSR)
	if err != nil {
		return "", err
	}
	if mine, err := h.Claim(ctx, maxAgencies+1, issuerClaims(in.Slug, in.CredentialIssuer)...); err != nil {
		return "", err
	} else if !mine {
		return "", refuse(http.StatusConflict, "taken", "credential_issuer", "another agency has this address, or this agency has another")
	}
	chain, err := h.CertifyDocuments(key, in.CredentialIssuer, "SANDBOX documents of "+in.Name)
	return chainPEM(chain), err
}

// issuerClaims tie an agency and its one address. No slug has such letters, so these
// names are not agencies'.
func issuerClaims(slug, address string) []Claim {
	sum := sha256.Sum256([]byte(address))
	return []Claim{{"ISSUER." + hex.EncodeToString(sum[:16]), slug}, {"OFFICE." + slug, address}}
}

func chainPEM(chain [][]byte) string {
	var text strings.Builder
	for _, der := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text.String()
}
