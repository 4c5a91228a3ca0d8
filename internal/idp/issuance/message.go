package issuance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// received is the body of a request, and whether it came encrypted.
type received struct {
	body   []byte
	sealed bool
}

// read takes a body that says it is JSON or, where this issuer has keys for it,
// a JWE of JSON (OpenID4VCI 1.0, 10).
func (h *Handler) read(r *http.Request) (received, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	sealed := media == openid4vci.MediaTypeJWT && len(h.RequestKeys) > 0
	if err != nil || media != "application/json" && !sealed {
		return received{}, errMedia
	}
	limit := int64(openid4vci.MaxMessage)
	if sealed {
		limit *= 2 // base64url and a header; Open bounds it closer
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || int64(len(body)) > limit {
		return received{}, errLarge
	}
	if err != nil {
		return received{}, fmt.Errorf("%w: %w", errBody, err)
	}
	if !sealed {
		return received{body: body}, h.mayBePlain()
	}
	plain, err := openid4vci.Open(string(body), h.RequestKeys)
	return received{plain, true}, err
}

// mayBePlain refuses what was not encrypted where encryption is required.
func (h *Handler) mayBePlain() error {
	if h.EncryptionRequired {
		return openid4vci.Refuse(openid4vci.InvalidEncryptionParameters, "encryption", "this issuer takes encrypted requests alone")
	}
	return nil
}

// sealing is how the answer is encrypted; nil: not at all. A request that asks for
// it must be encrypted itself, or somebody on the way could put in a key of his own
// (8.2).
func (h *Handler) sealing(in received, asked json.RawMessage) (*openid4vci.Encryption, error) {
	refuse := func(check, why string) (*openid4vci.Encryption, error) {
		return nil, openid4vci.Refuse(openid4vci.InvalidEncryptionParameters, check, why)
	}
	switch {
	case len(asked) == 0 && h.EncryptionRequired:
		return refuse("credential_response_encryption", "missing, and this issuer encrypts every answer")
	case len(asked) == 0:
		return nil, nil
	case len(h.RequestKeys) == 0:
		return refuse("credential_response_encryption", "this issuer does not encrypt responses")
	case !in.sealed:
		return refuse("credential_response_encryption", "a request that asks for it must itself be encrypted")
	}
	return openid4vci.ParseEncryption(asked)
}

// answer writes a response of the two credential endpoints.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, status int, message openid4vci.CredentialResponse, seal *openid4vci.Encryption) {
	if seal == nil {
		writeJSON(w, status, message)
		return
	}
	jwe, err := seal.Seal(message)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	noStore(w)
	w.Header().Set("Content-Type", openid4vci.MediaTypeJWT)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, jwe)
}

// readJSON reads a body that is never encrypted.
func readJSON(r *http.Request) ([]byte, error) {
	in, err := (&Handler{}).read(r)
	return in.body, err
}
