package issuance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/internal/web"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const (
	// metadataTyp is the JOSE typ of signed metadata (OpenID4VCI 1.0, 12.2.3).
	metadataTyp = "openidvci-issuer-metadata+jwt"
	// signedLife is how long signed metadata can be believed.
	signedLife = 24 * time.Hour
	// signedAge is how long a signature is given out again: askers cost none.
	signedAge = time.Minute
)

// metadata answers what the asker prefers: JSON, or a JWT of the same (12.2.2).
func (h *Handler) metadata(w http.ResponseWriter, r *http.Request) {
	public(w, "max-age=300")
	w.Header().Add("Vary", "Accept")
	if !prefersJWT(strings.Join(r.Header.Values("Accept"), ",")) {
		web.JSON(w, http.StatusOK, h.Metadata())
		return
	}
	jwt, err := h.signedMetadata()
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", openid4vci.MediaTypeJWT)
	_, _ = w.Write([]byte(jwt))
}

// prefersJWT weighs an Accept field (RFC 9110, 12.5.1). JSON is what everybody
// gets who does not name the JWT, or names JSON with at least its weight.
func prefersJWT(accept string) bool {
	jwt, plain := -1.0, -1.0
	for element := range strings.SplitSeq(accept, ",") {
		media, parameters, _ := strings.Cut(element, ";")
		weight := 1.0
		for parameter := range strings.SplitSeq(parameters, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if !strings.EqualFold(name, "q") {
				continue
			}
			q, err := strconv.ParseFloat(value, 64)
			if err != nil || q < 0 || q > 1 {
				q = 0
			}
			weight = q
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case openid4vci.MediaTypeJWT:
			jwt = max(jwt, weight)
		case "application/json":
			plain = max(plain, weight)
		}
	}
	return jwt > 0 && jwt > plain
}

// signedMetadata is the metadata as top-level claims, signed as the credentials
// are, with the chain up to the anchor, which is left out.
func (h *Handler) signedMetadata() (string, error) {
	now := h.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.signed != "" && now.Sub(h.signedAt).Abs() < signedAge {
		return h.signed, nil
	}
	body, err := json.Marshal(struct {
		openid4vci.Metadata
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
	}{h.Metadata(), h.URL, h.URL, now.Unix(), now.Add(signedLife).Unix()})
	if err != nil {
		return "", fmt.Errorf("signed metadata: %w", err)
	}
	key := h.Issuer.Key()
	var x5c []string
	for _, der := range key.Chain {
		x5c = append(x5c, base64.StdEncoding.EncodeToString(der))
	}
	options := (&jose.SignerOptions{}).WithType(metadataTyp).WithHeader("x5c", x5c).WithHeader("kid", key.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key.Signer}, options)
	if err != nil {
		return "", fmt.Errorf("signed metadata: %w", err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("signed metadata: %w", err)
	}
	h.signed, h.signedAt = "", now
	if h.signed, err = jws.CompactSerialize(); err != nil {
		return "", fmt.Errorf("signed metadata: %w", err)
	}
	return h.signed, nil
}
