package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
)

// The limits of what is read.
const (
	maxBody  = 64 << 10
	maxParam = 32 << 10 // one of the long parameters
	maxOwn   = 56 << 10 // a request object: the largest bundle of signed requests
	maxText  = 2048     // any other
	maxCount = 64       // parameters
)

// long are the parameters that may be longer than maxText. A token may be long
// by what the owner of its details put into it.
var long = map[string]bool{"request": true, "authorization_details": true, "client_assertion": true, "token": true}

// postForm reads a machine's POST: form encoding, parameters in the body
// alone (RFC 6749, 3.2), each once (RFC 6749, 3.1 and 3.2).
func postForm(w http.ResponseWriter, r *http.Request) (url.Values, *Refusal) {
	if r.URL.RawQuery != "" {
		return nil, refuse("invalid_request", "parameters belong in the body, not in the URL")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse("invalid_request", "the content type must be application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, refuse("invalid_request", "the body is no form, or too long")
	}
	return r.PostForm, single(r.PostForm)
}

// single refuses parameters given twice or too long.
func single(form url.Values) *Refusal {
	if len(form) > maxCount {
		return refuse("invalid_request", "too many parameters")
	}
	for name, values := range form {
		if len(values) > 1 {
			return refuse("invalid_request", "a parameter was given twice")
		}
		limit := maxText
		switch {
		case name == "request":
			limit = maxOwn
		case long[name]:
			limit = maxParam
		}
		if len(values[0]) > limit {
			return refuse("invalid_request", "a parameter is too long")
		}
	}
	return nil
}

// secret is a fresh random value of 256 bits for a URL or a token.
func secret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash is what the store sees of a secret.
func hash(what, secret string) string {
	sum := sha256.Sum256([]byte("mydata/" + what + "/v1\x00" + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
