package registry

import (
	"slices"
	"strings"

	"github.com/govmydata/mydata/pkg/legible"
)

// GrantDevice is the grant of RFC 8628, 3.4: a kiosk asks, the citizen answers on
// a phone of their own.
const GrantDevice = "urn:ietf:params:oauth:grant-type:device_code"

// sessionMetadata is what a client says of how its logins begin at a kiosk and how
// they end: OpenID Connect RP-Initiated Logout 1.0, 3.1; Back-Channel Logout 1.0,
// 2.2; RFC 9701, 6. Where a kiosk stands is a member of our own.
type sessionMetadata struct {
	Place                string   `json:"place"`
	PlaceKo              string   `json:"place#ko"`
	PlaceEn              string   `json:"place#en"`
	PostLogout           []string `json:"post_logout_redirect_uris"`
	BackchannelLogout    string   `json:"backchannel_logout_uri"`
	BackchannelSession   bool     `json:"backchannel_logout_session_required"`
	IntrospectionSigning string   `json:"introspection_signed_response_alg"`
}

// sessions copies it into the client.
func (m *sessionMetadata) sessions(c *Client) {
	c.PostLogoutRedirectURIs, c.BackchannelLogoutURI = m.PostLogout, m.BackchannelLogout
	c.IntrospectionSigned = m.IntrospectionSigning != ""
	for lang, place := range map[string]string{"": m.Place, "ko": m.PlaceKo, "en": m.PlaceEn} {
		if place != "" {
			if c.Place == nil {
				c.Place = map[string]string{}
			}
			c.Place[lang] = place
		}
	}
}

// checkSessions refuses what a citizen or a browser could be led astray by.
func (m *metadata) checkSessions() error {
	for field, text := range map[string]string{"place": m.Place, "place#ko": m.PlaceKo, "place#en": m.PlaceEn} {
		if len(text) > maxText {
			return bad(field, "over %d bytes", maxText)
		}
		if err := legible.Check(text); err != nil {
			return bad(field, "%v", err)
		}
	}
	if slices.Contains(m.GrantTypes, GrantDevice) {
		// Whoever may call itself the kiosk by a name alone could show its name and
		// place to a citizen elsewhere.
		if m.AuthMethod == AuthNone {
			return bad("grant_types", "a public client cannot have %s: anybody could ask in its name", GrantDevice)
		}
		if m.Place+m.PlaceKo+m.PlaceEn == "" {
			return bad("place", "missing: a citizen must be told where the device stands")
		}
	}
	return m.checkLogout()
}

func (m *metadata) checkLogout() error {
	if len(m.PostLogout) > maxRedirects {
		return bad("post_logout_redirect_uris", "over %d", maxRedirects)
	}
	for _, uri := range m.PostLogout {
		if err := checkAddress("post_logout_redirect_uris", uri); err != nil {
			return err
		}
	}
	if m.BackchannelLogout != "" {
		if err := checkAddress("backchannel_logout_uri", m.BackchannelLogout); err != nil {
			return err
		}
	}
	if alg := m.IntrospectionSigning; alg != "" && alg != "ES256" {
		return bad("introspection_signed_response_alg", "%q: only ES256", alg)
	}
	return nil
}

// checkAddress is checkRedirect for another member.
func checkAddress(field, uri string) error {
	if err := checkRedirect(uri); err != nil {
		_, cause, _ := strings.Cut(err.Error(), "redirect_uris: ")
		return bad(field, "%s", cause)
	}
	return nil
}

// MayReturn says whether a browser may be sent there after a logout: byte for byte
// (RP-Initiated Logout 1.0, 2).
func (c Client) MayReturn(uri string) bool { return slices.Contains(c.PostLogoutRedirectURIs, uri) }

// PlaceName is where a kiosk stands, in a language or else any.
func (c Client) PlaceName(lang string) string {
	for _, l := range []string{lang, "", "en", "ko"} {
		if place := c.Place[l]; place != "" {
			return place
		}
	}
	return ""
}
