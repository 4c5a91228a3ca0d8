package account

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/go-webauthn/webauthn/webauthn"
)

// keepers are well-known AAGUIDs of passkey providers, which say more than the
// browser in which a passkey was made.
var keepers = map[string]string{
	"ea9b8d664d011d213ce4b6b48cb575d4": "Google Password Manager",
	"fbfc3007154e4ecc8c0b6e020557d7bd": "Apple Passwords",
	"dd4ec289e01d41c9bb8970fa845d4bf2": "iCloud Keychain (Managed)",
	"08987058cadc4b81b6e130de50dcbe96": "Windows Hello",
	"9ddd1817af5a4672a2b93e3dd95000a9": "Windows Hello",
	"6028b017b1d44c02b4b3afcdafc96bb2": "Windows Hello",
	"53414d53554e47000000000000000000": "Samsung Pass",
	"bada5566a7aa401fbd9645619a55120d": "1Password",
	"d548826e79b4db40a3d811116f7e8349": "Bitwarden",
	"adce000235bcc60a648b0b25f1f05503": "Chrome on Mac",
}

var systems = []struct{ mark, name string }{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Macintosh", "Mac"},
	{"Windows", "Windows"}, {"CrOS", "Chromebook"}, {"Linux", "Linux"},
}

var browsers = []struct{ mark, name string }{
	{"SamsungBrowser/", "Samsung Internet"}, {"Whale/", "Whale"}, {"Edg", "Edge"}, {"OPR/", "Opera"},
	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
}

// deviceName guesses a name that the owner will know the passkey by. It is a
// hint for the owner's eyes, never a basis for a decision.
func deviceName(userAgent string, c *webauthn.Credential) string {
	var parts []string
	for _, s := range systems {
		if strings.Contains(userAgent, s.mark) {
			parts = append(parts, s.name)
			break
		}
	}
	if keeper, ok := keepers[hex.EncodeToString(c.Authenticator.AAGUID)]; ok {
		parts = append(parts, keeper)
	} else {
		for _, b := range browsers {
			if strings.Contains(userAgent, b.mark) {
				parts = append(parts, b.name)
				break
			}
		}
	}
	if len(parts) == 0 {
		return "Passkey"
	}
	return strings.Join(parts, " · ")
}

// distinct numbers a name that another passkey of the same person bears.
func distinct(name string, taken []PasskeyRow) string {
	out := name
	for n := 2; slices.ContainsFunc(taken, func(p PasskeyRow) bool { return p.Device == out }); n++ {
		out = name + " (" + strconv.Itoa(n) + ")"
	}
	return out
}
