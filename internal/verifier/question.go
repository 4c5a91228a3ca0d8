package verifier

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/credential/openid4vp"
	"github.com/govmydata/mydata/pkg/legible"
)

// Order is what a relying party asks for: a DCQL query, or a format whose default
// question is asked. What is left out is as HAIP 1.0 has it: x509_hash,
// direct_post.jwt, by reference.
type Order struct {
	Query           json.RawMessage          `json:"query,omitempty"`
	Format          string                   `json:"format,omitempty"`
	TransactionData []json.RawMessage        `json:"transaction_data,omitempty"` // objects, not encoded
	VerifierInfo    []openid4vp.VerifierInfo `json:"verifier_info,omitempty"`
	Prefix          string                   `json:"client_id_prefix,omitempty"`
	Mode            string                   `json:"response_mode,omitempty"`
	ByValue         bool                     `json:"by_value,omitempty"`
	WalletIssuer    string                   `json:"wallet_issuer,omitempty"` // whose metadata was discovered
	// ReturnURI is where the person goes on, on the wallet's device: with a
	// response_code, without which the result stays closed.
	ReturnURI string `json:"return_uri,omitempty"`
	// Page asks for a page of ours to send the person to, which says Purpose.
	Page    bool   `json:"page,omitempty"`
	Purpose string `json:"purpose,omitempty"`
}

// Placed answers an order.
type Placed struct {
	Request string `json:"request"`
	ID      string `json:"id"`
	Page    string `json:"page,omitempty"`
}

// question is an order that was found in order.
type question struct {
	query        openid4vp.Query
	transactions []openid4vp.Transaction
	info         []openid4vp.VerifierInfo
	prefix       string
	plain        bool
	byValue      bool
	audience     string
	returnURI    string
	purpose      string
}

// errOrder is what every refusal of an order is; its text begins with the member.
type errOrder struct{ member, cause string }

func (e errOrder) Error() string { return e.member + ": " + e.cause }

func badOrder(member, format string, args ...any) error {
	return errOrder{member, fmt.Sprintf(format, args...)}
}

// read checks an order.
func (s *Server) read(o Order) (question, error) {
	q := question{query: s.Queries[0].Query, prefix: o.Prefix, byValue: o.ByValue, info: o.VerifierInfo, purpose: o.Purpose}
	var err error
	switch {
	case len(o.Query) > 0 && o.Format != "":
		return q, badOrder("order", "query and format exclude each other")
	case len(o.Query) > 0:
		if q.query, err = openid4vp.ParseQuery(o.Query); err != nil {
			return q, badOrder("query", "%v", err)
		}
	case o.Format != "" && o.Format != openid4vp.FormatSDJWT:
		return q, badOrder("format", "only %s is known here", openid4vp.FormatSDJWT)
	}
	if q.plain, err = plain(o.Mode); err != nil {
		return q, err
	}
	if len(o.TransactionData) > 0 {
		if q.transactions, err = s.transactions(o.TransactionData, q.query); err != nil {
			return q, badOrder("transaction_data", "%v", err)
		}
	}
	if o.VerifierInfo != nil {
		if err := openid4vp.CheckVerifierInfo(o.VerifierInfo, q.query); err != nil {
			return q, badOrder("verifier_info", "%v", err)
		}
	}
	if o.Page && (o.ReturnURI != "" || o.ByValue || o.Prefix == openid4vp.PrefixRedirectURI) {
		return q, badOrder("page", "is for signed requests by reference, which come back to us")
	}
	if err := legible.Check(o.Purpose); err != nil || len(o.Purpose) > 600 || (o.Purpose != "" && !o.Page) {
		return q, badOrder("purpose", "is a text of up to 600 bytes, for a page")
	}
	if q.returnURI, err = s.webAddress("return_uri", o.ReturnURI); err != nil {
		return q, err
	}
	if q.audience, err = s.webAddress("wallet_issuer", o.WalletIssuer); err != nil {
		return q, err
	}
	return q, s.speaks(q)
}

func plain(mode string) (bool, error) {
	switch mode {
	case "", openid4vp.DirectPostJWT:
		return false, nil
	case openid4vp.DirectPost:
		return true, nil
	}
	return false, badOrder("response_mode", "only %s and %s are spoken here", openid4vp.DirectPostJWT, openid4vp.DirectPost)
}

func (s *Server) transactions(objects []json.RawMessage, q openid4vp.Query) ([]openid4vp.Transaction, error) {
	var encoded []string
	for _, object := range objects {
		t, err := s.Types.Parse(object, q)
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, t.Encoded)
	}
	return s.Types.Decode(encoded, q)
}

// webAddress takes an address as safe as our own.
func (s *Server) webAddress(member, address string) (string, error) {
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	own, _, _ := strings.Cut(s.URL, "://")
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(address) > 1024 || (u.Scheme != "https" && u.Scheme != own) {
		return "", badOrder(member, "is not a web address that is as safe as ours")
	}
	return address, nil
}

// speaks tells whether this verifier has what the prefix needs.
func (s *Server) speaks(q question) error {
	by, err := s.identity(q.prefix, "https://response.invalid/")
	if err != nil {
		return err
	}
	if by.Key == nil && (q.byValue || q.audience != "") {
		return badOrder("client_id_prefix", "%s goes unsigned, as parameters", q.prefix)
	}
	if err := by.Check(); err != nil {
		return badOrder("client_id_prefix", "%v", err)
	}
	return nil
}

// identity is who asks with a prefix, in a request answered at responseURI.
func (s *Server) identity(prefix, responseURI string) (openid4vp.Identity, error) {
	by := openid4vp.Identity{ClientID: s.clientID, Key: s.Key, Chain: s.Chain}
	switch prefix {
	case "", openid4vp.PrefixX509Hash:
	case openid4vp.PrefixX509SanDNS:
		by.ClientID = prefix + ":" + s.host
	case openid4vp.PrefixRedirectURI:
		by = openid4vp.Identity{ClientID: prefix + ":" + responseURI}
	case openid4vp.PrefixAttestation:
		if s.Attestation == "" {
			return by, badOrder("client_id_prefix", "this verifier has no attestation")
		}
		subject, err := openid4vp.AttestedClient(s.Attestation)
		if err != nil {
			return by, badOrder("client_id_prefix", "%v", err)
		}
		by = openid4vp.Identity{ClientID: prefix + ":" + subject, Key: s.Key, Attestation: s.Attestation}
	default:
		return by, badOrder("client_id_prefix", "%.40q is not spoken here", prefix)
	}
	return by, nil
}

// ask makes one request of a question, with nonce, state and key of its own.
func (s *Server) ask(q question, same bool) (ask, error) {
	handle := token()
	responseURI := s.URL + "/response/" + handle
	by, err := s.identity(q.prefix, responseURI)
	if err != nil {
		return ask{}, err
	}
	r, err := openid4vp.NewRequest(by.ClientID, responseURI, q.query, s.Now(), s.Life)
	if errors.Is(err, openid4vp.ErrQuery) {
		return ask{}, badOrder("query", "%v", err)
	} else if err != nil {
		return ask{}, err
	}
	if q.plain {
		r = r.Plain()
	}
	r.Transactions, r.VerifierInfo, r.Audience = q.transactions, q.info, q.audience
	a := ask{handle: handle, request: r, by: by, same: same}
	switch {
	case by.Key == nil:
		a.link, err = r.URIUnsigned()
	case q.byValue:
		var object string
		if object, err = r.Object(by, openid4vp.Caller{}); err == nil {
			a.link = r.URIByValue(object)
		}
	default:
		a.link = r.URI(s.URL + "/request/" + handle)
	}
	return a, err
}

// shown are the transactions as a result and a page have them.
func shown(all []openid4vp.Transaction) []Transaction {
	var list []Transaction
	for _, t := range all {
		one := Transaction{Type: t.Type, Details: map[string]any{}, Hash: t.Hash(), order: slices.Clone(t.Details)}
		for _, d := range t.Details {
			one.Details[d.Name] = d.Value
		}
		list = append(list, one)
	}
	return list
}
