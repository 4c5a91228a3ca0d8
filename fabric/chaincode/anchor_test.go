package main

import (
	"strings"
	"testing"
)

func TestPut(t *testing.T) {
	c := newCast(t)
	two := []digest{{b64('d'), "did:web:a.example", "did"}, {b64('s'), "https://hub.example/status/1", "status-list"}}
	want := `{"digests":[{"digest":"` + b64('d') + `","id":"did:web:a.example","kind":"did"},{"digest":"` + b64('s') +
		`","id":"https://hub.example/status/1","kind":"status-list"}],"origin":"log.example/2026","root":"` + b64('r') + `","size":7,"writer":"Org1MSP"}`
	for name, got := range map[string]string{
		"it answers the record":              c.must(t, c.user, "Put", put(7, b64('r'), two...)),
		"it answers the same to the same":    c.must(t, c.user, "Put", put(7, b64('r'), two...)),
		"it gives anybody the record":        c.must(t, c.foreign, "Get", origin, "7"),
		"it gives the latest byte for byte":  c.must(t, c.foreign, "Latest", origin),
		"it takes a greater size":            strings.NewReplacer(`"size":8`, `"size":7`, b64('q'), b64('r')).Replace(c.must(t, c.user, "Put", put(8, b64('q'), two...))),
		"it keeps what was there before":     c.must(t, c.user, "Get", origin, "7"),
		"it repeats an old one when it must": c.must(t, c.user, "Put", put(7, b64('r'), two...)),
	} {
		if got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := c.must(t, c.user, "Latest", origin); !strings.Contains(got, `"size":8`) {
		t.Errorf("it goes on: %s", got)
	}
}

func TestPutRefuses(t *testing.T) {
	c := newCast(t)
	d := digest{b64('d'), "did:web:a.example", "did"}
	c.must(t, c.user, "Put", put(7, b64('r'), d))
	for _, test := range []struct {
		name, word string
		who        person
		request    string
	}{
		{"it refuses another root for a size", "CONFLICT", c.user, put(7, b64('x'), d)},
		{"it refuses other digests for a size", "CONFLICT", c.user, put(7, b64('r'))},
		{"it refuses a smaller size", "BEHIND", c.user, put(6, b64('r'))},
		{"it refuses another person of the operator's organisation", "FOREIGN", c.other, put(8, b64('r'))},
		{"it refuses another organisation", "FOREIGN", c.foreign, put(8, b64('r'))},
		{"it refuses an administrator who is no operator", "FOREIGN", c.admin1, put(8, b64('r'))},
		{"it refuses a stranger even what is there", "FOREIGN", c.foreign, put(7, b64('r'), d)},
		{"it refuses the operator's key in another organisation's hands", "FOREIGN", moved(t, c.user, "Org2MSP"), put(8, b64('r'))},
		{"it refuses an origin without operator", "FOREIGN", c.user, strings.Replace(put(8, b64('r')), origin, "log.other", 1)},
		{"it refuses who shows no certificate", "FOREIGN", person{creator: creator(t, "Org1MSP", []byte("nothing"))}, put(8, b64('r'))},
		{"it refuses who shows nothing", "FOREIGN", person{}, put(8, b64('r'))},
		{"it refuses who hides behind a role", "FOREIGN", idemix(t, "Org1MSP"), put(8, b64('r'))},
	} {
		t.Run(test.name, func(t *testing.T) { c.refused(t, test.word, test.who, "Put", test.request) })
	}
	if _, refused := c.call(c.user, "Put", strings.Replace(put(8, b64('r')), origin, "log.other", 1)); !strings.Contains(refused, "no operator") {
		t.Errorf("it says %q of an origin without operator", refused)
	}
	if got := c.must(t, c.user, "Latest", origin); !strings.Contains(got, `"size":7`) {
		t.Errorf("after all refusals the latest is %s", got)
	}
}

func moved(t *testing.T, who person, organisation string) person {
	t.Helper()
	at := strings.Index(string(who.creator), "-----BEGIN")
	return person{creator: creator(t, organisation, who.creator[at:])}
}

func TestDigest(t *testing.T) {
	c := newCast(t)
	c.must(t, c.user, "Put", put(7, b64('r'), digest{b64('1'), "k", "did"}, digest{b64('2'), "k", "issuer-key"}))
	c.must(t, c.user, "Put", put(9, b64('r'), digest{b64('3'), "k", "did"}))
	c.must(t, c.user, "Put", put(7, b64('r'), digest{b64('1'), "k", "did"}, digest{b64('2'), "k", "issuer-key"}))
	for _, test := range []struct{ name, kind, want string }{
		{"it answers the newest, also after an old one was repeated", "did", `{"digest":"` + b64('3') + `","size":9}`},
		{"it keeps what a later checkpoint did not carry", "issuer-key", `{"digest":"` + b64('2') + `","size":7}`},
	} {
		if got := c.must(t, c.foreign, "Digest", origin, test.kind, "k"); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
	c.refused(t, "NOTFOUND", c.user, "Digest", origin, "catalogue", "k")
}

func TestReadsRefuse(t *testing.T) {
	c := newCast(t)
	c.must(t, c.user, "Put", put(7, b64('r'), digest{b64('1'), "k", "did"}))
	for _, test := range []struct {
		name, word string
		args       []string
	}{
		{"it has no record of another size", "NOTFOUND", []string{"Get", origin, "8"}},
		{"it has no record of another origin", "NOTFOUND", []string{"Get", "log.other", "7"}},
		{"it has no latest of another origin", "NOTFOUND", []string{"Latest", "log.other"}},
		{"it has no operator of another origin", "NOTFOUND", []string{"Operator", "log.other"}},
		{"it has no votes on another version", "NOTFOUND", []string{"Votes", origin, "2"}},
		{"it reads no size with zeros before", "INVALID", []string{"Get", origin, "07"}},
		{"it reads no size with a plus", "INVALID", []string{"Get", origin, "+7"}},
		{"it reads no size of zero", "INVALID", []string{"Get", origin, "0"}},
		{"it reads no size beyond what JSON holds", "INVALID", []string{"Get", origin, "9007199254740992"}},
		{"it reads no origin with a space", "INVALID", []string{"Get", "log other", "7"}},
		{"it reads no empty origin for Latest", "INVALID", []string{"Latest", ""}},
		{"it reads no empty origin for Digest", "INVALID", []string{"Digest", "", "did", "k"}},
		{"it reads no empty origin for Operator", "INVALID", []string{"Operator", ""}},
		{"it reads no empty origin for Votes", "INVALID", []string{"Votes", "", "1"}},
		{"it reads no version in words for Votes", "INVALID", []string{"Votes", origin, "one"}},
		{"it reads no unknown kind", "INVALID", []string{"Digest", origin, "person", "k"}},
		{"it reads no empty id", "INVALID", []string{"Digest", origin, "did", ""}},
	} {
		t.Run(test.name, func(t *testing.T) { c.refused(t, test.word, c.user, test.args...) })
	}
}

func TestDoor(t *testing.T) {
	c := newCast(t)
	for _, test := range []struct {
		name string
		args []string
	}{
		{"it has no function without a name", nil},
		{"it has no function of another spelling", []string{"latest", origin}},
		{"it has no function under the contract's name", []string{"Contract:Latest", origin}},
		{"it has no function of the contract library", []string{"org.hyperledger.fabric:GetMetadata"}},
		{"it has no function that deletes", []string{"Delete", origin, "7"}},
		{"it takes no argument less", []string{"Get", origin}},
		{"it takes no argument more", []string{"Latest", origin, ""}},
		{"it quotes names that are no text", []string{"\xff\xfe\n", ""}},
	} {
		t.Run(test.name, func(t *testing.T) { c.refused(t, "INVALID", c.user, test.args...) })
	}
	if r := c.door.Init(nil); r.GetStatus() < 400 {
		t.Error("it initialises")
	}
}

// A ledger that fails is no verdict on the request, and nothing half is written.
func TestLedgerAway(t *testing.T) {
	for _, broken := range []string{"read", "write"} {
		c := newCast(t)
		c.broken = broken
		c.refused(t, "UNAVAILABLE", c.user, "Put", put(7, b64('r'), digest{b64('1'), "k", "did"}))
		c.refused(t, "UNAVAILABLE", c.admin1, "Vote", origin, "2", encode(operator{[]string{c.user.key}, nil, "Org1MSP"}))
	}
	c := newCast(t)
	c.broken = "read"
	for _, args := range [][]string{{"Get", origin, "7"}, {"Latest", origin}, {"Digest", origin, "did", "k"}, {"Operator", origin}, {"Votes", origin, "1"}} {
		c.refused(t, "UNAVAILABLE", c.user, args...)
	}
}
