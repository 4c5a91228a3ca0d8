package endorsement_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func record() endorsement.Record {
	return endorsement.Record{
		Digests: []endorsement.Digest{{Digest: tlog.Hash{1}, ID: "https://hub.example/status/1", Kind: "status-list"}},
		Origin:  "log.example/hub", Root: tlog.Hash{2}, Size: 4711, Writer: "Org1MSP",
	}
}

func channel() *et.Channel { return et.New(start, "Org1MSP", "Org2MSP") }

func check(err error) string {
	refused, ok := errors.AsType[*endorsement.Error](err)
	if !ok {
		return "no *Error"
	}
	if refused.Cause == "" || refused.Mender == "" || !strings.Contains(err.Error(), refused.Cause) {
		return "an *Error without cause or mender"
	}
	return refused.Check
}

func TestVerify(t *testing.T) {
	c := channel()
	got, err := c.Trust().Verify(c.Prove(record()))
	want := endorsement.Anchored{
		Origin: "log.example/hub", Size: 4711, Root: tlog.Hash{2}, Digests: record().Digests, Writer: "Org1MSP",
		Organisations: []string{"Org1MSP", "Org2MSP"},
	}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v %s", err, cmp.Diff(want, got))
	}
	if _, err := new(endorsement.Trust).Verify(c.Prove(record())); check(err) != endorsement.CheckChannel {
		t.Errorf("no trust at all: %v", err)
	}
}

// setting is the second of two reads, before it is signed.
type setting struct {
	c *et.Channel
	q *et.Question
	a *et.Answer
	p *et.Identity // who signs
}

// reissue gives the second organisation's peer another certificate.
func reissue(bend func(*x509.Certificate)) func(setting) {
	return func(s setting) {
		o := s.c.Members[1]
		*s.p = o.Issue(&o.Root, bend)
	}
}

// edwards gives a peer a certificate whose key is not ECDSA.
func edwards(s setting) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	o := s.c.Members[1]
	der, err := x509.CreateCertificate(rand.Reader, s.p.Certificate, o.Root.Certificate, public, o.Root.Key)
	if err != nil {
		panic(err)
	}
	if s.p.Certificate, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
}

// Each is refused by the check with its name, although every signature holds.
func TestVerifyRefuses(t *testing.T) {
	other := record()
	other.Root[0]++
	for name, c := range map[string]struct {
		bend func(s setting)
		want string
	}{
		"another channel":              {func(s setting) { s.q.Channel = "others" }, endorsement.CheckChannel},
		"another chaincode":            {func(s setting) { s.q.Chaincode, s.q.Called, s.a.Chaincode = "x", "x", "x" }, endorsement.CheckChaincode},
		"two chaincodes":               {func(s setting) { s.q.Called = "x" }, endorsement.CheckChaincode},
		"an answer of another":         {func(s setting) { s.a.Chaincode = "x" }, endorsement.CheckChaincode},
		"the function that writes":     {func(s setting) { s.q.Args[0] = []byte("Put") }, endorsement.CheckFunction},
		"no function":                  {func(s setting) { s.q.Args[0] = nil }, endorsement.CheckFunction},
		"an argument too few":          {func(s setting) { s.q.Args = s.q.Args[:2] }, endorsement.CheckArguments},
		"an argument too many":         {func(s setting) { s.q.Args = append(s.q.Args, nil) }, endorsement.CheckArguments},
		"another size":                 {func(s setting) { s.q.Args[2] = []byte("4712") }, endorsement.CheckArguments},
		"the size in another spelling": {func(s setting) { s.q.Args[2] = []byte("04711") }, endorsement.CheckArguments},
		"another origin":               {func(s setting) { s.q.Args[1] = []byte("log.example/other") }, endorsement.CheckArguments},
		"a transaction id of nobody":   {func(s setting) { s.q.TxID = strings.Repeat("0", 64) }, endorsement.CheckTransaction},
		"a configuration's header":     {func(s setting) { s.q.Type = 1 }, endorsement.CheckProposal},
		"an epoch":                     {func(s setting) { s.q.Epoch = 1 }, endorsement.CheckProposal},
		"transient data":               {func(s setting) { s.q.Transient = []byte("x") }, endorsement.CheckProposal},
		"no time":                      {func(s setting) { s.q.At = time.Unix(0, 0) }, endorsement.CheckProposal},
		"a second of too many parts":   {func(s setting) { s.q.Nanos = 1e9 }, endorsement.CheckProposal},
		"a time before the history":    {func(s setting) { s.q.At = start.Add(-time.Second) }, endorsement.CheckInForce},
		"an answer to another":         {func(s setting) { s.a.Hash = bytes.Repeat([]byte{1}, 32) }, endorsement.CheckHash},
		"an error":                     {func(s setting) { s.a.Status = 500 }, endorsement.CheckAnswer},
		"a message":                    {func(s setting) { s.a.Message = "x" }, endorsement.CheckAnswer},
		"events":                       {func(s setting) { s.a.Events = []byte("x") }, endorsement.CheckResponse},
		"a write": {func(s setting) {
			s.a.Results = et.Namespace("anchor", et.Message(et.Key("k", true), et.Bytes(3, et.Bytes(1, []byte("k")))))
		}, endorsement.CheckWrites},
		"a metadata write": {func(s setting) {
			s.a.Results = et.Namespace("anchor", et.Message(et.Key("k", true), et.Bytes(4, et.Bytes(1, []byte("k")))))
		}, endorsement.CheckWrites},
		"a range query": {func(s setting) {
			s.a.Results = et.Namespace("anchor", et.Message(et.Key("k", true), et.Bytes(2, et.Bytes(1, []byte("k")))))
		}, endorsement.CheckWrites},
		"private data": {func(s setting) {
			s.a.Results = et.Bytes(2, et.Message(et.Bytes(1, []byte("anchor")), et.Bytes(2, et.Key("k", true)), et.Bytes(3, nil)))
		}, endorsement.CheckWrites},
		"a key that no block wrote": {func(s setting) { s.a.Results = et.Namespace("anchor", et.Key("k", false)) }, endorsement.CheckCommitted},
		"another chaincode's state": {func(s setting) {
			s.a.Results = et.Message(s.a.Results, et.Namespace("other", et.Key("k", true)))
		}, endorsement.CheckCommitted},
		"no state of the chaincode": {func(s setting) { s.a.Results = et.Namespace("_lifecycle", et.Key("k", true)) }, endorsement.CheckCommitted},
		"no record":                 {func(s setting) { s.a.Payload = []byte("{}") }, endorsement.CheckRecord},
		"a record with a space":     {func(s setting) { s.a.Payload = append(s.a.Payload, ' ') }, endorsement.CheckRecord},
		"another record than the first": {func(s setting) {
			s.a.Payload = s.c.Answer(other).Payload
		}, endorsement.CheckSame},
		"S in the upper half": {func(s setting) { s.a.HighS = true }, endorsement.CheckSignature},
		"another's key":       {func(s setting) { s.p.Key = s.c.Members[0].Peer.Key }, endorsement.CheckSignature},
		"one organisation twice": {func(s setting) {
			*s.p = s.c.Members[0].Issue(&s.c.Members[0].Root, nil)
		}, endorsement.CheckDistinct},
		"an organisation that nobody listed": {func(s setting) {
			o := et.NewOrganisation("Org3MSP", start)
			*s.p = o.Peer
		}, endorsement.CheckOrganisation},
		"an organisation's name on another's certificate": {func(s setting) {
			s.p.Certificate = s.c.Members[0].Peer.Certificate
		}, endorsement.CheckChain},
		"a certificate of nobody": {func(s setting) {
			o := et.NewOrganisation("Org2MSP", start)
			*s.p = o.Peer
		}, endorsement.CheckChain},
		"the CA itself":         {func(s setting) { *s.p = s.c.Members[1].Root }, endorsement.CheckChain},
		"no longer valid":       {func(s setting) { s.q.At = start.Add(366 * 24 * time.Hour) }, endorsement.CheckValidity},
		"not yet valid":         {reissue(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Hour) }), endorsement.CheckValidity},
		"a client":              {reissue(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"client"} }), endorsement.CheckRole},
		"no role":               {reissue(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"staff"} }), endorsement.CheckRole},
		"two roles":             {reissue(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"peer", "admin"} }), endorsement.CheckRole},
		"the role twice":        {reissue(func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"peer", "peer"} }), endorsement.CheckRole},
		"a key of another kind": {edwards, endorsement.CheckSignature},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			ch, r := channel(), record()
			q, a, p := ch.Question(r), ch.Answer(r), ch.Members[1].Peer
			trust := ch.Trust()
			c.bend(setting{ch, &q, &a, &p})
			first := ch.Ask(ch.Members[0].Peer, ch.Question(r), ch.Answer(r))
			_, err := trust.Verify(endorsement.Proof{Reads: []endorsement.Read{first, ch.Ask(p, q, a)}})
			if got := check(err); got != c.want {
				t.Errorf("%s: %v", got, err)
			}
			if refused, ok := errors.AsType[*endorsement.Error](err); ok && refused.Read != 2 {
				t.Errorf("it names read %d", refused.Read)
			}
		})
	}
}
