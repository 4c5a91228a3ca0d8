package main

import (
	"testing"
)

func TestVote(t *testing.T) {
	c := cast{ledger: newLedger(t, 2, "Org1MSP", "Org2MSP"), admin1: member(t, "Org1MSP", "admin"), admin2: member(t, "Org2MSP", "admin"), user: member(t, "Org1MSP", "client")}
	proposed := encode(operator{[]string{c.user.key}, nil, "Org1MSP"})
	one := c.must(t, c.admin2, "Vote", origin, "1", proposed)
	if want := `{"operator":` + proposed + `,"organisations":["Org2MSP"],"origin":"log.example/2026","version":1}`; one != want {
		t.Errorf("it answers who has voted: %s", one)
	}
	c.refused(t, "NOTFOUND", c.user, "Operator", origin)
	c.refused(t, "FOREIGN", c.user, "Put", put(1, b64('r')))
	if got := c.must(t, c.user, "Votes", origin, "1"); got != one {
		t.Errorf("it shows open votes: %s", got)
	}

	two := c.must(t, c.admin1, "Vote", origin, "1", proposed)
	if want := `{"operator":` + proposed + `,"organisations":["Org1MSP","Org2MSP"],"origin":"log.example/2026","version":1}`; two != want || c.must(t, c.user, "Votes", origin, "1") != want {
		t.Errorf("it answers both: %s", two)
	}
	if got, want := c.must(t, c.user, "Operator", origin), `{"keys":["`+c.user.key+`"],"msp":"Org1MSP","origin":"log.example/2026","version":1}`; got != want {
		t.Errorf("it registers by the second vote: %s", got)
	}
	c.must(t, c.user, "Put", put(1, b64('r')))
	c.refused(t, "FOREIGN", c.user, "Put", `{"digests":[],"origin":"log.other","root":"`+b64('r')+`","size":1}`)
}

func TestVoteRefuses(t *testing.T) {
	c := newCast(t)
	proposed := encode(operator{[]string{c.other.key}, nil, "Org1MSP"})
	c.must(t, c.admin1, "Vote", origin, "2", proposed)
	for _, test := range []struct {
		name, word string
		who        person
		version    string
		operator   string
	}{
		{"it refuses a second vote of an organisation", "VOTED", c.admin1, "2", proposed},
		{"it refuses a second vote by another administrator", "VOTED", member(t, "Org1MSP", "admin"), "2", proposed},
		{"it refuses a second vote for another content", "VOTED", c.admin1, "2", encode(operator{[]string{c.user.key}, nil, "Org1MSP"})},
		{"it refuses a second vote on what is registered", "VOTED", c.admin1, "1", proposed},
		{"it refuses another operator under the same version", "CONFLICT", c.admin2, "2", encode(operator{[]string{c.user.key}, nil, "Org1MSP"})},
		{"it refuses another organisation's operator under the same version", "CONFLICT", c.admin2, "2", encode(operator{[]string{c.other.key}, nil, "Org2MSP"})},
		{"it refuses to leave a version out", "INVALID", c.admin2, "4", proposed},
		{"it refuses a user", "NOTADMIN", c.foreign, "2", proposed},
		{"it refuses the operator", "NOTADMIN", c.user, "2", proposed},
		{"it refuses a peer", "NOTADMIN", member(t, "Org2MSP", "peer"), "2", proposed},
		{"it refuses who has no role", "NOTADMIN", member(t, "Org2MSP", "administration"), "2", proposed},
		{"it refuses who has two roles", "NOTADMIN", member(t, "Org2MSP", "admin", "client"), "2", proposed},
		{"it refuses an administrator of an organisation that does not vote", "NOTADMIN", member(t, "Org3MSP", "admin"), "2", proposed},
		{"it refuses an administrator of the orderers", "NOTADMIN", member(t, "OrdererMSP", "admin"), "2", proposed},
		{"it refuses who shows nothing", "NOTADMIN", person{}, "2", proposed},
		{"it refuses who hides behind a role", "NOTADMIN", idemix(t, "Org2MSP"), "2", proposed},
		{"it refuses a version in words", "INVALID", c.admin2, "two", proposed},
		{"it refuses a malformed operator", "INVALID", c.admin2, "2", "{}"},
	} {
		t.Run(test.name, func(t *testing.T) { c.refused(t, test.word, test.who, "Vote", origin, test.version, test.operator) })
	}
	c.refused(t, "INVALID", c.admin2, "Vote", "log example", "2", proposed)
	c.must(t, c.admin2, "Vote", origin, "2", proposed)
	c.refused(t, "FOREIGN", c.user, "Put", put(1, b64('r'))) // the former operator
	c.must(t, c.other, "Put", put(1, b64('r')))
}

// Whoever disagrees opens the next version. What was open before is closed for ever, so
// that a vote given up cannot be completed behind the voter's back.
func TestVoteContradicted(t *testing.T) {
	c := newCast(t)
	wrong := encode(operator{[]string{c.foreign.key}, nil, "Org1MSP"})
	right := encode(operator{[]string{c.foreign.key}, nil, "Org2MSP"})
	c.must(t, c.admin1, "Vote", origin, "2", wrong)
	c.must(t, c.admin2, "Vote", origin, "3", right)
	c.refused(t, "BEHIND", c.admin2, "Vote", origin, "2", wrong)
	c.must(t, c.admin1, "Vote", origin, "3", right)
	if got, want := c.must(t, c.user, "Operator", origin), `{"keys":["`+c.foreign.key+`"],"msp":"Org2MSP","origin":"log.example/2026","version":3}`; got != want {
		t.Errorf("it registers what both wanted: %s", got)
	}
	if got := c.must(t, c.user, "Votes", origin, "2"); got != `{"operator":`+wrong+`,"organisations":["Org1MSP"],"origin":"log.example/2026","version":2}` {
		t.Errorf("it shows what was given up: %s", got)
	}
	c.must(t, c.admin1, "Vote", origin, "4", wrong)
	c.must(t, c.admin1, "Vote", origin, "5", right) // who erred need not wait for others
}

// Three organisations, two votes: the third comes too late to count, and changes nothing.
func TestVoteOfThree(t *testing.T) {
	l := newLedger(t, 2, "Org1MSP", "Org2MSP", "Org3MSP")
	user := member(t, "Org3MSP", "client")
	proposed := encode(operator{[]string{user.key}, nil, "Org3MSP"})
	l.must(t, member(t, "Org3MSP", "admin"), "Vote", origin, "1", proposed)
	l.refused(t, "FOREIGN", user, "Put", put(1, b64('r')))
	l.must(t, member(t, "Org1MSP", "admin"), "Vote", origin, "1", proposed)
	l.must(t, user, "Put", put(1, b64('r')))
	l.refused(t, "BEHIND", member(t, "Org2MSP", "admin"), "Vote", origin, "1", proposed)
}
