package openid4vp

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// URI hands the request over by reference. The wallet may fetch it by POST
// (section 5.10).
func (r Request) URI(requestURI string) string {
	q := url.Values{"client_id": {r.ClientID}, "request_uri": {requestURI}, "request_uri_method": {"post"}}
	return Scheme + "?" + q.Encode()
}

// URIByValue hands over the request object itself (RFC 9101, 5.1).
func (r Request) URIByValue(object string) string {
	return Scheme + "?" + url.Values{"client_id": {r.ClientID}, "request": {object}}.Encode()
}

// URIUnsigned hands over the parameters, without anything that says whose they
// are: the one way with the prefix redirect_uri (section 5.9.3).
func (r Request) URIUnsigned() (string, error) {
	if kind, rest := prefix(r.ClientID); kind != PrefixRedirectURI || rest != r.ResponseURI {
		return "", fmt.Errorf("%w: only redirect_uri with its response_uri goes unsigned", ErrIdentity)
	}
	claims, err := r.parameters()
	if err != nil {
		return "", fmt.Errorf("unsigned request: %w", err)
	}
	body, err := json.Marshal(&claims)
	if err != nil {
		return "", fmt.Errorf("unsigned request: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return "", fmt.Errorf("unsigned request: %w", err)
	}
	q := url.Values{}
	for name, value := range members {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value) // an object, as JSON (section 5.1)
		}
		q.Set(name, text)
	}
	return Scheme + "?" + q.Encode(), nil
}

// Link is a request as it reaches a wallet (section 5.7): by reference, by value,
// or as parameters alone.
type Link struct {
	ClientID   string
	RequestURI string
	Post       bool
	Object     string
	Parameters url.Values // neither RequestURI nor Object
}

// ParseLink reads an openid4vp:// link.
func ParseLink(raw string) (Link, error) {
	if len(raw) > 2*MaxRequest {
		return Link{}, refuse("link", "longer than %d bytes", 2*MaxRequest)
	}
	address, rest, _ := strings.Cut(raw, "?")
	if scheme, _, found := strings.Cut(address, ":"); !found || scheme+"://" != Scheme && scheme+"://" != SchemeHAIP {
		return Link{}, refuse("link", "does not start with %s or %s", Scheme, SchemeHAIP)
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		return Link{}, refuse("link", "not a query string")
	}
	for name, values := range query {
		if len(values) != 1 {
			return Link{}, refuse("link", "%.40q is there twice", name)
		}
	}
	l := Link{ClientID: query.Get("client_id"), RequestURI: query.Get("request_uri"), Object: query.Get("request")}
	switch {
	case l.ClientID == "":
		return Link{}, refuse("link", "exactly one client_id is needed")
	case query.Has("request") && query.Has("request_uri"):
		return Link{}, refuse("link", "request and request_uri together")
	case query.Has("request_uri_method") && !query.Has("request_uri"):
		return Link{}, refuse("link", "request_uri_method without request_uri")
	case query.Has("request_uri"):
		return l.byReference(query)
	case query.Has("request"):
		if l.Object == "" || len(l.Object) > MaxRequest {
			return Link{}, refuse("link", "request is empty, or longer than %d bytes", MaxRequest)
		}
		return l, nil
	}
	l.Parameters = query
	return l, nil
}

func (l Link) byReference(query url.Values) (Link, error) {
	u, err := url.Parse(l.RequestURI)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Link{}, refuse("link", "request_uri is not a web address")
	}
	switch method := query.Get("request_uri_method"); {
	case method == "post":
		l.Post = true
	case query.Has("request_uri_method") && method != "get":
		return Link{}, &Refusal{Code: "invalid_request_uri_method", Check: "link", Cause: "request_uri_method is neither get nor post"}
	}
	return l, nil
}
