package silence

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Secrets are values that must be written nowhere, each with where it was heard.
// It is safe for concurrent use.
type Secrets struct {
	mu       sync.Mutex
	heard    map[string]string
	harmless map[string]bool
}

// New knows no secret.
func New() *Secrets { return &Secrets{heard: map[string]string{}, harmless: map[string]bool{}} }

// Add names a secret, however short.
func (s *Secrets) Add(value, where string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value = strings.TrimSpace(value); value != "" && s.heard[value] == "" {
		s.heard[value] = where
	}
}

// Len is how many values are looked for.
func (s *Secrets) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for value := range s.heard {
		if !s.harmless[value] {
			n++
		}
	}
	return n
}

// Harmless says of a value that it may be written: everybody can read it.
func (s *Secrets) Harmless(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.harmless[value] = true
}

// shortest is the length from which a value that was heard is looked for.
const shortest = 8

var word = regexp.MustCompile(`^[a-z0-9_+:/. -]*[a-z][a-z_+:/. -]*$`)

// hear takes a value of the traffic; name is what it was called there.
func (s *Secrets) hear(name, value, where string) {
	where += " " + name
	if short[name] {
		s.Add(value, where)
		return
	}
	if identifiers[name] {
		s.Harmless(value)
		return
	}
	if u, err := url.Parse(value); err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.RawQuery != "") {
		s.address(u, where)
		return
	}
	if s.token(value, where) {
		return
	}
	if _, err := time.Parse(time.RFC3339, value); err == nil || len(value) < shortest || word.MatchString(value) {
		return
	}
	s.Add(value, where)
}

// short names values that are secrets of whatever length.
var short = map[string]bool{"tx_code": true, "code": true}

// identifiers are the names of values that may be written.
var identifiers = map[string]bool{
	"grant_id": true, "grant": true, "client_id": true, "iss": true, "aud": true, "correlation_id": true, "kid": true,
	"x5c": true, "x5t#S256": true, "jwk": true, "schema_hash": true, "sha256": true, "consumer": true, "provider": true,
	"controller": true, "locations": true, "interaction": true, "redirect_uri": true, "locale": true, "url": true, "uri": true,
	"path": true, // of a claim in a query, by its names
}

// address hears what an address says: its query, and the segments of its path
// that are no identifiers.
func (s *Secrets) address(u *url.URL, where string) {
	for name, values := range u.Query() {
		for _, value := range values {
			if interactions[u.Path+"?"+name] {
				s.Harmless(value)
				continue
			}
			s.hear(name, value, where)
		}
	}
	if u.Scheme == "urn" || u.Scheme == "did" {
		return
	}
	before := ""
	for segment := range strings.SplitSeq(u.Path, "/") {
		switch {
		case segments[before]:
			s.Harmless(segment)
		case len(segment) >= shortest:
			s.hear("segment", segment, where+" "+u.Path)
		}
		before = segment
	}
	if u.Fragment != "" {
		s.hear("fragment", u.Fragment, where)
	}
}

// interactions are where the id of one is told, which its browser alone can use.
var interactions = map[string]bool{"/login?request": true, "/authorize/callback?id": true}

// segments name what follows them in a path: identifiers.
var segments = map[string]bool{
	"renewal": true, "approval": true, "issuance": true, "document": true, "consents": true, "receipts": true, "notices": true,
	"credentials": true, "result": true, "status": true, "tile": true,
}

// token hears a JWS, SD-JWT or JWE whole and by its parts, and its claims.
func (s *Secrets) token(value, where string) bool {
	first, disclosures, _ := strings.Cut(value, "~")
	parts := strings.Split(first, ".")
	if len(parts) != 3 && len(parts) != 5 {
		return false
	}
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.DecodeString(part); err != nil {
			return false
		}
	}
	s.Add(value, where)
	for _, part := range append(parts[1:], strings.Split(disclosures, "~")...) { // the header is an identifier's home
		if len(part) >= 2*shortest {
			s.Add(part, where)
		}
		if text, err := base64.RawURLEncoding.DecodeString(part); err == nil {
			s.JSON(text, where)
		}
	}
	return true
}

// JSON hears every value of a text, if it is JSON.
func (s *Secrets) JSON(text []byte, where string) {
	var v any
	if json.Unmarshal(text, &v) == nil {
		s.walk("", v, where)
	}
}

func (s *Secrets) walk(name string, v any, where string) {
	switch v := v.(type) {
	case map[string]any:
		for name, each := range v {
			s.walk(name, each, where)
		}
	case []any:
		for _, each := range v {
			s.walk(name, each, where)
		}
	case string:
		s.hear(name, v, where)
		if strings.HasPrefix(v, "{") {
			s.JSON([]byte(v), where)
		}
	case float64:
		if !identifiers[name] && v != float64(int64(v)) {
			s.Add(strconv.FormatFloat(v, 'f', -1, 64), where+" "+name)
		}
	}
}

// Found says which secrets a text holds, and where each was heard.
func (s *Secrets) Found(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lower := strings.ToLower(text)
	var found []string
	for value, where := range s.heard {
		if s.harmless[value] {
			continue
		}
		for _, form := range forms(value) {
			if at := holds(text, lower, form); at >= 0 {
				line := text[strings.LastIndexByte(text[:at], '\n')+1:]
				line, _, _ = strings.Cut(line, "\n")
				found = append(found, fmt.Sprintf("%q, heard in %s: %.300s", value, where, line))
				break
			}
		}
	}
	return found
}

// forms are the ways in which a value may be written.
func forms(value string) []string {
	quoted, _ := json.Marshal(value) // a string always marshals
	all := []string{
		value, strings.Trim(string(quoted), `"`), strings.Trim(strconv.QuoteToASCII(value), `"`),
		url.QueryEscape(value), url.PathEscape(value),
	}
	if len(value) >= shortest {
		all = append(all, base64.RawURLEncoding.EncodeToString([]byte(value)), base64.RawStdEncoding.EncodeToString([]byte(value)))
		if plain := strings.NewReplacer("-", "", " ", "").Replace(value); len(plain) >= shortest {
			all = append(all, plain)
		}
	}
	return all
}

// holds finds a form, in any case; a short one only as a word of its own.
func holds(text, lower, form string) int {
	form = strings.ToLower(form)
	for from := 0; ; {
		at := strings.Index(lower[from:], form)
		if at < 0 || form == "" {
			return -1
		}
		at += from
		if len(form) >= shortest || alone(lower, at, len(form)) {
			return min(at, len(text)-1)
		}
		from = at + 1
	}
}

// alone says that neither neighbour continues the word.
func alone(text string, at, n int) bool {
	part := func(b byte) bool {
		return b == '.' || b == '_' || b == '-' || b < 0x80 && (unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b)))
	}
	return (at == 0 || !part(text[at-1])) && (at+n >= len(text) || !part(text[at+n]))
}
