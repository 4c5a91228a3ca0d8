package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

const origin = "log.test"

// TestTrial is the chaincode's rules among real peers, with real certificates.
func TestTrial(t *testing.T) {
	n := trial(t, "--origin", origin)
	t.Run("it registers by both votes", func(t *testing.T) { testVotes(t, n) })
	t.Run("it wants the log's own signature", func(t *testing.T) { testLogKey(t, n) })
	t.Run("it refuses the hostile", func(t *testing.T) { testHostile(t, n) })
	t.Run("it refuses who is not of the channel", func(t *testing.T) { testImpostors(t, n) })
	t.Run("it commits one of two", func(t *testing.T) { testRace(t, n) })
	t.Run("it wants every organisation's peer", func(t *testing.T) { testOneEndorser(t, n) })
	t.Run("it serves its own peer alone", func(t *testing.T) { testService(t, n) })
	t.Run("it listens here alone", func(t *testing.T) { testListeners(t, n) })
	t.Run("it counts by every organisation's own settings", func(t *testing.T) { testOtherSettings(t, n) })
	t.Run("it goes on after an upgrade", func(t *testing.T) { testUpgrade(t, n) })
	t.Run("it is upgraded in a second try", func(t *testing.T) { testUpgradeAgain(t, n) })
	t.Run("it goes on after a change of the channel", func(t *testing.T) { testChannelChange(t, n) })
}

func testVotes(t *testing.T, n *network) {
	const fresh = "log.votes"
	user, proposed := n.member(t, 1, "user"), n.proposed(t, 1)
	n.member(t, 1, "admin").must("Vote", fresh, "1", proposed)
	user.refused("NOTFOUND: ", "Operator", fresh)
	user.refused("FOREIGN: ", "Put", put(fresh, 1, 'r'))
	n.member(t, 2, "admin").must("Vote", fresh, "1", proposed)
	if got, want := user.must("Put", put(fresh, 1, 'r')), record(fresh, 1, 'r', "Org1MSP"); got != want {
		t.Errorf("put answers %s, want %s", got, want)
	}
	for o := 1; o <= organisation; o++ {
		if got, want := n.member(t, o, "user").read("Get", fresh, "1"), record(fresh, 1, 'r', "Org1MSP"); got != want {
			t.Errorf("%s reads %s, want %s", mspOf(o), got, want)
		}
	}

	// The other organisation takes over by a second version.
	proposed = n.proposed(t, 2)
	n.member(t, 2, "admin").must("Vote", fresh, "2", proposed)
	user.must("Put", put(fresh, 2, 'r'))
	n.member(t, 1, "admin").must("Vote", fresh, "2", proposed)
	user.refused("FOREIGN: ", "Put", put(fresh, 3, 'r'))
	n.member(t, 2, "user").must("Put", put(fresh, 3, 'r'))
}

// testLogKey registers the log's key too: the operator alone anchors nothing.
func testLogKey(t *testing.T, n *network) {
	const fresh = "log.signed"
	log := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	file := filepath.Join(t.TempDir(), "log.vkey")
	raw := append([]byte{1}, log.Public().(ed25519.PublicKey)...)
	if err := os.WriteFile(file, []byte(fresh+"+00000000+"+base64.StdEncoding.EncodeToString(raw)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := logKeyOf(file)
	if err != nil {
		t.Fatal(err)
	}
	user := n.member(t, 1, "user")
	proposed := strings.Replace(n.proposed(t, 1), `"msp"`, fmt.Sprintf(`"logs":[%q],"msp"`, key), 1)
	n.member(t, 1, "admin").must("Vote", fresh, "1", proposed)
	n.member(t, 2, "admin").must("Vote", fresh, "1", proposed)
	user.refused("UNSIGNED: ", "Put", put(fresh, 1, 'r'))
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{'r'}, 32))
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(log, fmt.Appendf(nil, "%s\n1\n%s\n", fresh, root)))
	signed := func(size int) string {
		return strings.Replace(put(fresh, size, 'r'), `"size"`, fmt.Sprintf(`"signatures":[%q],"size"`, signature), 1)
	}
	user.refused("UNSIGNED: ", "Put", signed(2))
	if got, want := user.must("Put", signed(1)), record(fresh, 1, 'r', "Org1MSP"); got != want {
		t.Errorf("put answers %s, want %s", got, want)
	}
}

func testHostile(t *testing.T, n *network) {
	operator := n.member(t, 1, "user")
	operator.must("Put", put(origin, 7, 'r'))
	another := n.open(t, 1, mspOf(1), n.mint(t, 1, "client", time.Time{}))
	n.member(t, 1, "admin").must("Vote", origin, "2", n.proposed(t, 2))
	for _, test := range []struct {
		name, word string
		who        caller
		call       []string
	}{
		{"it refuses the other organisation's user", "FOREIGN: ", n.member(t, 2, "user"), []string{"Put", put(origin, 8, 'r')}},
		{"it refuses an unregistered user of the same organisation", "FOREIGN: ", another, []string{"Put", put(origin, 8, 'r')}},
		{"it refuses the administrator", "FOREIGN: ", n.member(t, 1, "admin"), []string{"Put", put(origin, 8, 'r')}},
		{"it refuses the operator at a foreign origin", "FOREIGN: ", operator, []string{"Put", put("log.foreign", 8, 'r')}},
		{"it refuses a smaller size", "BEHIND: ", operator, []string{"Put", put(origin, 6, 'r')}},
		{"it refuses another root for a size", "CONFLICT: ", operator, []string{"Put", put(origin, 7, 'x')}},
		{"it refuses what is malformed", "INVALID: ", operator, []string{"Put", put(origin, 8, 'r') + " "}},
		{"it refuses what is too long", "INVALID: ", operator, []string{"Put", put(strings.Repeat("o", 400_000), 8, 'r')}},
		{"it refuses bytes that are no text", "INVALID: ", operator, []string{"Put", "\xff\xfe\x00"}},
		{"it refuses an unknown function", "INVALID: ", operator, []string{"Delete", origin, "7"}},
		{"it refuses the contract library's own functions", "INVALID: ", operator, []string{"org.hyperledger.fabric:GetMetadata"}},
		{"it refuses an administrator who votes twice", "VOTED: ", n.member(t, 1, "admin"), []string{"Vote", origin, "2", n.proposed(t, 2)}},
		{"it refuses a second administrator of the organisation", "VOTED: ", n.open(t, 1, mspOf(1), n.mint(t, 1, "admin", time.Time{})), []string{"Vote", origin, "2", n.proposed(t, 2)}},
		{"it refuses a user who votes", "NOTADMIN: ", n.member(t, 2, "user"), []string{"Vote", origin, "2", n.proposed(t, 2)}},
		{"it refuses the operator who votes", "NOTADMIN: ", operator, []string{"Vote", origin, "2", n.proposed(t, 1)}},
		{"it refuses another content of a version", "CONFLICT: ", n.member(t, 2, "admin"), []string{"Vote", origin, "2", n.proposed(t, 1)}},
		{"it refuses a closed version", "VOTED: ", n.member(t, 2, "admin"), []string{"Vote", origin, "1", n.proposed(t, 2)}},
		{"it refuses a version too far", "INVALID: ", n.member(t, 2, "admin"), []string{"Vote", origin, "9", n.proposed(t, 2)}},
	} {
		t.Run(test.name, func(t *testing.T) { caller{test.who.session, t}.refused(test.word, test.call[0], test.call[1:]...) })
	}
	if got, want := operator.read("Latest", origin), record(origin, 7, 'r', "Org1MSP"); got != want {
		t.Errorf("after all of them the latest is %s, want %s", got, want)
	}
}

// Fabric's own membership turns these away before the chaincode is asked.
func testImpostors(t *testing.T, n *network) {
	user2, err := n.identity(2, "user")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, msp, says string
		who             pair
	}{
		{"it refuses an expired certificate", mspOf(1), "expired", n.mint(t, 1, "client", time.Now().Add(-time.Minute))},
		{"it refuses a certificate under another organisation's name", mspOf(1), "access denied", user2},
		{"it refuses an organisation that is not of the channel", "Org9MSP", "access denied", user2},
		{"it refuses the orderers' administrator", ordererMSP, "Writers", n.ordererAdmin()},
		{"it refuses a certificate without a role", mspOf(1), "access denied", n.mint(t, 1, "guest", time.Time{})},
	} {
		t.Run(test.name, func(t *testing.T) { n.open(t, 1, test.msp, test.who).refused(test.says, "Put", put(origin, 99, 'r')) })
	}
}

// Two roots for one size can both be endorsed before either commits; one commits.
func testRace(t *testing.T, n *network) {
	operator := n.member(t, 1, "user")
	var both []*client.Transaction
	for _, root := range []byte{'a', 'b'} {
		proposal, err := operator.contract().NewProposal("Put", client.WithArguments(put(origin, 20, root)))
		if err != nil {
			t.Fatal(err)
		}
		endorsed, err := proposal.EndorseWithContext(t.Context())
		if err != nil {
			t.Fatalf("root %c: %v", root, err)
		}
		both = append(both, endorsed)
	}
	var codes []peer.TxValidationCode
	for _, endorsed := range both {
		codes = append(codes, committed(t, endorsed))
	}
	if codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Errorf("the two ended as %v", codes)
	}
	for o := 1; o <= organisation; o++ {
		if got, want := n.member(t, o, "user").read("Get", origin, "20"), record(origin, 20, 'a', "Org1MSP"); got != want {
			t.Errorf("%s has %s, want %s", mspOf(o), got, want)
		}
	}
}

func committed(t *testing.T, endorsed *client.Transaction) peer.TxValidationCode {
	t.Helper()
	commit, err := endorsed.SubmitWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	status, err := commit.StatusWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return status.Code
}

func testOneEndorser(t *testing.T, n *network) {
	proposal, err := n.member(t, 1, "user").contract().NewProposal("Put",
		client.WithArguments(put(origin, 30, 'r')), client.WithEndorsingOrganizations(mspOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	endorsed, err := proposal.EndorseWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if code := committed(t, endorsed); code != peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE {
		t.Errorf("one peer's word ended as %v", code)
	}
	n.member(t, 1, "user").refused("NOTFOUND: ", "Get", origin, "30")
}

// The chaincode process asks who connects for a certificate of its own organisation.
func testService(t *testing.T, n *network) {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(n.peerCA(1))
	if err != nil || !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("authority: %v", err)
	}
	for _, test := range []struct {
		name string
		show string
		ok   bool
	}{
		{"it refuses who shows no certificate", "", false},
		{"it refuses the other organisation's peer", n.peerDir(2, "tls", "server"), false},
		{"it refuses the organisation's user without TLS certificate", n.orgDir(1, "users", "User1@"+domainOf(1), "msp"), false},
		{"it serves its peer", n.peerDir(1, "tls", "server"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
			if cert, err := tls.LoadX509KeyPair(test.show+".crt", test.show+".key"); err == nil {
				config.Certificates = []tls.Certificate{cert}
			} else if test.ok {
				t.Fatal(err)
			}
			conn, err := tls.Dial("tcp", listen(n.chaincodePort(1, n.Sequence)), config)
			if err == nil { // in TLS 1.3 the refusal comes with the first bytes
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				_, err = conn.Read(make([]byte, 1))
			}
			if (err == nil) != test.ok {
				t.Errorf("connection: %v", err)
			}
		})
	}
}

// All ports of the network are closed on every address but the loopback's.
func testListeners(t *testing.T, n *network) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	for port := n.Base; port < n.Base+portsEach; port++ {
		if conn, err := net.Dial("tcp", listen(port)); err == nil {
			conn.Close()
			open++
		}
		for _, address := range addresses {
			at, ok := address.(*net.IPNet)
			if !ok || at.IP.IsLoopback() || at.IP.IsLinkLocalUnicast() {
				continue
			}
			if conn, err := net.DialTimeout("tcp", net.JoinHostPort(at.IP.String(), fmt.Sprint(port)), time.Second); err == nil {
				conn.Close()
				t.Errorf("port %d is open on %s", port, at.IP)
			}
		}
	}
	if open < 10 {
		t.Errorf("%d ports are open here: the test looks at the wrong ones", open)
	}
}
