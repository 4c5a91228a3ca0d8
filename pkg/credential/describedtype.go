package credential

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// The limits of a description.
const (
	maxTypeClaims  = 512
	maxTypeLocales = 64
	maxTypePath    = 16
)

// Type is what is published of a credential type for people: its name, and those
// of its claims, by language. They are a stranger's words: whoever shows them
// escapes and shortens them.
type Type struct {
	VCT     string
	display []localName
	claims  []describedClaim
}

type localName struct {
	Locale string `json:"locale"`
	Name   string `json:"name"`  // of a type
	Label  string `json:"label"` // of a claim
}

type describedClaim struct {
	Path    []any       `json:"path"` // string, int, or nil for any element
	Display []localName `json:"display"`
}

type typeDocument struct {
	VCT              string           `json:"vct"`
	Extends          string           `json:"extends"`
	ExtendsIntegrity string           `json:"extends#integrity"`
	Display          []localName      `json:"display"`
	Claims           []describedClaim `json:"claims"`
}

// extend adds what an extended type says and no extending one did.
func (t *Type) extend(d typeDocument) {
	if t.display == nil {
		t.display = d.Display
	}
	for _, claim := range d.Claims {
		if !slices.ContainsFunc(t.claims, func(c describedClaim) bool { return slices.Equal(c.Path, claim.Path) }) {
			t.claims = append(t.claims, claim)
		}
	}
}

// Name of the type in a language, else in English, else in any.
func (t Type) Name(lang string) string { return inLanguage(t.display, lang).Name }

// Label is the name of a claim, and how many elements of the path it names: where
// the claim itself has no name, that of the nearest around it. "": none has.
func (t Type) Label(lang string, path []any) (label string, named int) {
	for _, claim := range t.claims {
		if n := len(claim.Path); n > named && n <= len(path) && covers(claim.Path, path) {
			if found := inLanguage(claim.Display, lang).Label; found != "" {
				label, named = found, n
			}
		}
	}
	return label, named
}

func covers(pattern, path []any) bool {
	for i, element := range pattern {
		if _, index := path[i].(int); element == nil && index {
			continue
		}
		if element != path[i] {
			return false
		}
	}
	return true
}

// inLanguage finds by the primary language alone (RFC 4647, 3.4, cut short).
func inLanguage(all []localName, lang string) localName {
	for _, want := range []string{lang, "en"} {
		for _, one := range all {
			if tag, _, _ := strings.Cut(one.Locale, "-"); strings.EqualFold(tag, want) {
				return one
			}
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return localName{}
}

// parseType reads a description, which has to be of that type.
func parseType(body []byte, vct string) (typeDocument, error) {
	var d typeDocument
	if len(body) > maxMetadata {
		return d, fmt.Errorf("longer than %d bytes", maxMetadata)
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return d, errors.New("not JSON as it should be")
	}
	if d.VCT != vct {
		return d, errors.New("it describes another type")
	}
	if len(d.Claims) > maxTypeClaims || len(d.Display) > maxTypeLocales {
		return d, errors.New("too many claims or languages")
	}
	for i := range d.Claims {
		c := &d.Claims[i]
		if len(c.Path) == 0 || len(c.Path) > maxTypePath || len(c.Display) > maxTypeLocales {
			return d, errors.New("a claim's path or languages are none or too many")
		}
		for j, element := range c.Path {
			switch e := element.(type) {
			case nil, string:
			case float64:
				if e < 0 || e > math.MaxInt32 || e != math.Trunc(e) {
					return d, errors.New("a claim's path holds a number that is no index")
				}
				c.Path[j] = int(e)
			default:
				return d, errors.New("a claim's path holds more than names, indices and null")
			}
		}
	}
	return d, nil
}

// Integrity is the digest of a document as vct#integrity names it (W3C SRI, 3).
func Integrity(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

var errIntegrity = errors.New("it is not the document of which the digest was given")

// checkIntegrity compares with the digests of the strongest algorithm that is named
// (W3C SRI, 3.3.5). Digests of which none can be compared refuse the document.
func checkIntegrity(body []byte, integrity string) error {
	sum256, sum384, sum512 := sha256.Sum256(body), sha512.Sum384(body), sha512.Sum512(body)
	for _, strongest := range []struct {
		name string
		sum  []byte
	}{{"sha512", sum512[:]}, {"sha384", sum384[:]}, {"sha256", sum256[:]}} {
		named := false
		for expression := range strings.FieldsSeq(integrity) {
			expression, _, _ = strings.Cut(expression, "?")
			algorithm, value, _ := strings.Cut(expression, "-")
			if algorithm != strongest.name {
				continue
			}
			if named = true; value == base64.StdEncoding.EncodeToString(strongest.sum) {
				return nil
			}
		}
		if named {
			return errIntegrity
		}
	}
	return errIntegrity
}
