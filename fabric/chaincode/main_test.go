package main

import (
	"os"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	good := []string{
		"CHAINCODE_ID=anchor_1:00", "CHAINCODE_SERVER_ADDRESS=127.0.0.1:0", "CHAINCODE_TLS_KEY=key", "CHAINCODE_TLS_CERT=cert",
		"CHAINCODE_CLIENT_CA_CERT=ca", "MYDATA_ANCHOR_ORGANISATIONS=Org2MSP,Org1MSP,Org3MSP", "MYDATA_ANCHOR_VOTES=2", "PATH=/bin",
	}
	with := func(name, value string) []string {
		var changed []string
		for _, line := range good {
			if !strings.HasPrefix(line, name+"=") {
				changed = append(changed, line)
			}
		}
		if value == "-" {
			return changed
		}
		return append(changed, name+"="+value)
	}
	for _, test := range []struct {
		name        string
		environment []string
		ok          bool
	}{
		{"it starts", good, true},
		{"it needs an id", with("CHAINCODE_ID", "-"), false},
		{"it needs an address", with("CHAINCODE_SERVER_ADDRESS", ""), false},
		{"it needs a key: there is no way without TLS", with("CHAINCODE_TLS_KEY", "-"), false},
		{"it needs a certificate", with("CHAINCODE_TLS_CERT", "-"), false},
		{"it needs the peer's authority: there is no way without it", with("CHAINCODE_CLIENT_CA_CERT", "-"), false},
		{"it needs organisations", with("MYDATA_ANCHOR_ORGANISATIONS", "-"), false},
		{"it refuses an organisation twice", with("MYDATA_ANCHOR_ORGANISATIONS", "A,B,B"), false},
		{"it refuses an organisation without a name", with("MYDATA_ANCHOR_ORGANISATIONS", "A,B,"), false},
		{"it refuses a space between organisations", with("MYDATA_ANCHOR_ORGANISATIONS", "A, B"), false},
		{"it needs votes", with("MYDATA_ANCHOR_VOTES", "-"), false},
		{"it refuses fewer votes than a majority", with("MYDATA_ANCHOR_VOTES", "1"), false},
		{"it takes all votes", with("MYDATA_ANCHOR_VOTES", "3"), true},
		{"it refuses more votes than organisations", with("MYDATA_ANCHOR_VOTES", "4"), false},
		{"it refuses half of the votes", append(with("MYDATA_ANCHOR_ORGANISATIONS", "A,B"), "MYDATA_ANCHOR_VOTES=1"), false},
		{"it refuses settings it does not know", with("MYDATA_ANCHOR_VOTE", "2"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := readSettings(test.environment)
			if (err == nil) != test.ok {
				t.Fatalf("%v", err)
			}
			if err == nil && (len(s.organisations) != 3 || s.organisations[0] != "Org1MSP") {
				t.Errorf("%v", s.organisations)
			}
		})
	}
	if err := serve(good); err == nil {
		t.Error("it starts without the files that it names")
	}
}

// The environment that is handed to operators is one that starts.
func TestDeployedEnvironment(t *testing.T) {
	raw, err := os.ReadFile("../../deploy/fabric/chaincode.env")
	if err != nil {
		t.Fatal(err)
	}
	var environment []string
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "#") {
			environment = append(environment, strings.TrimSpace(line))
		}
	}
	if s, err := readSettings(environment); err != nil || s.votes != 2 {
		t.Errorf("settings %+v: %v", s, err)
	}
}
