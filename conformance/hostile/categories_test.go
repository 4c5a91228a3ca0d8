package hostile_test

import (
	"regexp"
	"testing"
)

// categories are the kinds of bad input that must each have been tried at a public
// door; attempts are known by their names.
var categories = []struct {
	name  string
	known string // among names of attempts
}{
	{"algorithm confusion and none", `unsigned|nobody signed|as a secret|by a secret|MACs|shared key|with a password$|wrapped key|without authenticated encryption`},
	{"keys injected by kid, jku, x5u, x5c, jwk", `kid|brings its own key|keys at a|certificates|by its own key|jwk`},
	{"wrong key type", `another curve|secret key|RSA|symmetric|for signatures|beside the curve|private key`},
	{"expired", `expired|\bold\b|without exp|lives a day`},
	{"early", `future|not come`},
	{"wrong audience", `for another (server|issuer|verifier|agency|resource)|without aud|two (servers|issuers)|elsewhere|another resource`},
	{"wrong nonce or challenge", `nonce|challenge of nobody|without challenge`},
	{"wrong typ", `another typ|without typ|as key proof|access token for a hint|is a proof`},
	{"DPoP: method, address, token", `htm|htu|ath\b|another (method|address|endpoint|token)|without a proof|thief's proof`},
	{"replay", `twice$|replayed|of before|came twice|again`},
	{"PKCE downgrade", `code_verifier|code_challenge|PKCE|plain challenge`},
	{"mix-up", `other than the client_id|another client|another's request_uri|iss\b|by another issuer`},
	{"redirect tricks", `redirect_uri|goes? back|comes back|go to|address of logins|return`},
	{"code injection", `another client's code|other code|code in the address|another's browser|other browser|another browser`},
	{"request object tricks", `request object|request_uri|requests at an address`},
	{"oversized", `KiB|MiB|characters|endless|thousand`},
	{"deep", `deep`},
	{"names given twice", `given twice|two (clients|codes|tokens|scopes|states)|twice in`},
	{"invalid UTF-8 and NUL", `UTF-8|no row can hold|NUL`},
	{"JWE bombs", `blows up|compressed`},
	{"disclosures", `disclosure|shows what was not asked`},
	{"key binding for another", `key binding`},
	{"status lists", `status list|no time|no two times|no list`},
	{"addresses of private networks", `private address|plain http|of the web|of a file|169\.254|address of a request`},
	{"guessing", `wrong ones|unknown|nobody has|no forged|wrong secret`},
	{"another person, client or browser", `another (person|citizen|wallet|browser)|somebody else|another's`},
	{"another site", `another site|other site|cross`},
}

// TestCategories: each kind is represented, and how often.
func TestCategories(t *testing.T) {
	counts, all := make([]int, len(categories)), 0
	for _, table := range tables {
		for _, a := range table.attempts() {
			all++
			for i, c := range categories {
				if regexp.MustCompile(c.known).MatchString(table.name + ": " + a.name) {
					counts[i]++
				}
			}
		}
	}
	for i, c := range categories {
		t.Logf("%4d %s", counts[i], c.name)
		if counts[i] < 3 {
			t.Errorf("%s: tried %d times at the public doors", c.name, counts[i])
		}
	}
	t.Logf("%4d attempts", all)
	if all < 300 {
		t.Errorf("%d attempts: at least 300 are promised", all)
	}
}
