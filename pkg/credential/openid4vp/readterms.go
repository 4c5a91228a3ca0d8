package openid4vp

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// maxInfo bounds verifier_info.
const maxInfo = 8

// answerElsewhere are the response modes that section 5 and others define and
// that a wallet of redirects does not speak: HAIP 1.0, 5.1 wants direct_post.jwt.
var answerElsewhere = []string{"fragment", "query", "form_post", "dc_api", "dc_api.jwt"}

// read checks what every request has, signed or not.
func (t Trust) read(c requestClaims, by asker) (Authorization, error) {
	if err := t.checkMode(c.ResponseMode); err != nil {
		return Authorization{}, err
	}
	if err := checkParameters(c); err != nil {
		return Authorization{}, err
	}
	u, err := url.Parse(c.ResponseURI)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Fragment != "" {
		return Authorization{}, refuse("response_uri", "is not a web address")
	}
	if by.allowed != nil && !by.allowed(c.ResponseURI) {
		return Authorization{}, refuse("response_uri", "is not one that this verifier may use")
	}
	query, err := ParseQuery(c.DCQLQuery)
	if err != nil {
		return Authorization{}, refuse("dcql_query", "%v", err)
	}
	if c.State == "" && slices.ContainsFunc(query.Credentials, func(c CredentialQuery) bool { return !c.Binding() }) {
		return Authorization{}, refuse("state", "is missing, and holder binding is not asked for")
	}
	a := Authorization{
		ClientID: c.ClientID, Prefix: by.prefix, Name: by.name, ResponseURI: c.ResponseURI, Mode: c.ResponseMode,
		Nonce: c.Nonce, State: c.State, Query: query, Verifier: by.leaf,
	}
	if err := a.metadata(c.ClientMetadata, by.client); err != nil {
		return Authorization{}, err
	}
	if c.TransactionData != nil {
		if a.Transactions, err = t.transactions(c.TransactionData, query); err != nil {
			return Authorization{}, err
		}
	}
	if c.VerifierInfo != nil {
		if a.VerifierInfo, err = verifierInfo(c.VerifierInfo, query); err != nil {
			return Authorization{}, err
		}
	}
	return a, nil
}

func (t Trust) checkMode(mode string) error {
	switch {
	case mode == DirectPostJWT, mode == DirectPost && t.Plain:
		return nil
	case mode == DirectPost:
		return refuse("response_mode", "this wallet answers encrypted alone: %s (HAIP 1.0, 5.1)", DirectPostJWT)
	case mode == "":
		return refuse("response_mode", "is missing, which means fragment; this wallet answers by %s (HAIP 1.0, 5.1)", DirectPostJWT)
	case slices.Contains(answerElsewhere, mode):
		return refuse("response_mode", "%s is not spoken here; this wallet answers by %s (HAIP 1.0, 5.1)", mode, DirectPostJWT)
	}
	return refuse("response_mode", "%.40q is not known here", mode)
}

func checkParameters(c requestClaims) error {
	switch {
	case c.ResponseType != responseType:
		return refuse("response_type", "must be %s", responseType)
	case c.RedirectURI != "":
		return refuse("redirect_uri", "together with response_uri")
	case c.Scope != "":
		return &Refusal{Code: "invalid_scope", Check: "scope", Cause: "only dcql_query is known here"}
	case len(c.ExpectedOrigins) > 0:
		return refuse("expected_origins", "belongs to the Digital Credentials API")
	case len(c.Nonce) < 16 || !urlSafe(c.Nonce):
		return refuse("nonce", "must be random, URL-safe ASCII")
	case !urlSafe(c.State):
		return refuse("state", "must be URL-safe ASCII")
	}
	return nil
}

// metadata takes the verifier's metadata: from the request, or, of a client that
// is known beforehand, from what is known (sections 5.1 and 8.5).
func (a *Authorization) metadata(m *clientMetadata, client *Client) error {
	switch {
	case client != nil && m != nil:
		return &Refusal{Code: "invalid_client", Check: "client_metadata", Cause: "this wallet knows the verifier's metadata already"}
	case client != nil:
		a.keys, a.encValues = client.Encryption.Keys, client.EncValues
	case m == nil || m.Formats == nil:
		return refuse("client_metadata", "vp_formats_supported is missing")
	default:
		if format, there := m.Formats[FormatSDJWT]; !there || !format.with() {
			return &Refusal{Code: "vp_formats_not_supported", Check: "client_metadata", Cause: "the verifier takes no " + FormatSDJWT + " with ES256"}
		}
		if m.JWKS != nil {
			if !m.JWKS.named {
				return refuse("client_metadata", "each key needs a kid of its own")
			}
			a.keys = m.JWKS.Keys
		}
		a.encValues = m.EncValues
	}
	if a.Mode != DirectPostJWT {
		return nil
	}
	if _, err := a.encryptionKey(); err != nil {
		return refuse("client_metadata", "%v", err)
	}
	if _, err := choose(a.encValues); err != nil {
		return refuse("client_metadata", "encrypted_response_enc_values_supported: %v", err)
	}
	return nil
}

func (t Trust) transactions(raw json.RawMessage, q Query) ([]Transaction, error) {
	bad := func(cause string) error {
		return &Refusal{Code: "invalid_transaction_data", Check: "transaction_data", Cause: cause}
	}
	if len(t.Types) == 0 {
		return nil, bad("no type is known here")
	}
	var list []string
	if err := decode(raw, MaxRequest, &list); err != nil {
		return nil, bad("not an array of strings")
	}
	all, err := t.Types.Decode(list, q)
	if err != nil {
		return nil, bad(err.Error())
	}
	return all, nil
}

func verifierInfo(raw json.RawMessage, q Query) ([]VerifierInfo, error) {
	var list []VerifierInfo
	if err := decode(raw, MaxRequest, &list); err != nil {
		return nil, refuse("verifier_info", "not an array of objects")
	}
	if err := CheckVerifierInfo(list, q); err != nil {
		return nil, refuse("verifier_info", "%v", err)
	}
	return list, nil
}

// CheckVerifierInfo checks the shape of what others say of a verifier (section
// 5.1), for the query that it goes with.
func CheckVerifierInfo(list []VerifierInfo, q Query) error {
	if len(list) == 0 || len(list) > maxInfo {
		return fmt.Errorf("1 to %d are allowed", maxInfo)
	}
	for _, info := range list {
		if info.Format == "" || len(info.Data) == 0 || (info.Data[0] != '"' && info.Data[0] != '{') {
			return errors.New("format, and data that is a text or an object, are needed")
		}
		for _, id := range info.Credentials {
			if _, known := q.Credential(id); !known {
				return fmt.Errorf("credential_ids: %.40q is not asked for", id)
			}
		}
	}
	return nil
}

func urlSafe(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c))
	})
}
