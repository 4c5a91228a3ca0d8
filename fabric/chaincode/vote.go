package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
)

type registration struct {
	Keys    []string `json:"keys"`
	Logs    []string `json:"logs,omitempty"`
	MSP     string   `json:"msp"`
	Origin  string   `json:"origin"`
	Version int64    `json:"version"`
}

// round is the one version of an origin that can be voted on.
type round struct {
	Operator operator `json:"operator"`
	Version  int64    `json:"version"`
}

type votes struct {
	Operator      operator `json:"operator"`
	Organisations []string `json:"organisations"`
	Origin        string   `json:"origin"`
	Version       int64    `json:"version"`
}

// Vote is an administrator's word for who shall write an origin's anchors. A version
// has one content: who wants another opens the next version, and thereby closes this
// one, so that no vote lies about to be completed later.
func (c *Contract) Vote(ctx contractapi.TransactionContextInterface, origin, version, proposed string) (string, error) {
	stub := ctx.GetStub()
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	n, err := parseNumber("version", version)
	if err != nil {
		return "", err
	}
	o, err := parseOperator(proposed)
	if err != nil {
		return "", err
	}
	voter, err := c.administrator(stub)
	if err != nil {
		return "", err
	}
	if voted, err := loadRaw(stub, keyVote, origin, number(n), voter); err != nil {
		return "", err
	} else if voted != nil {
		return "", refuse(wordVoted, "%s has voted on version %d of %s", voter, n, origin)
	}
	if err := enter(stub, origin, round{o, n}); err != nil {
		return "", err
	}
	return c.count(stub, origin, round{o, n}, voter)
}

// enter joins the round that is open, or opens the next.
func enter(stub shim.ChaincodeStubInterface, origin string, r round) error {
	var open round
	if _, err := load(stub, &open, keyRound, origin); err != nil {
		return err
	}
	var now registration
	if _, err := load(stub, &now, keyOperator, origin); err != nil {
		return err
	}
	switch {
	case r.Version == open.Version+1:
		return save(stub, r, keyRound, origin)
	case r.Version > open.Version:
		return refuse(wordInvalid, "the next version of %s is %d", origin, open.Version+1)
	case r.Version < open.Version || r.Version == now.Version:
		return refuse(wordBehind, "version %d of %s is closed, the next is %d", r.Version, origin, open.Version+1)
	case encode(r.Operator) != encode(open.Operator):
		return refuse(wordConflict, "version %d of %s is for another operator; another content is version %d", r.Version, origin, open.Version+1)
	}
	return nil
}

// count keeps the vote and registers the operator when it is the last that was missing.
func (c *Contract) count(stub shim.ChaincodeStubInterface, origin string, r round, voter string) (string, error) {
	if err := save(stub, r.Operator, keyVote, origin, number(r.Version), voter); err != nil {
		return "", err
	}
	v, err := c.voted(stub, origin, r.Version)
	if err != nil {
		return "", err
	}
	v.Operator, v.Organisations = r.Operator, append(v.Organisations, voter)
	slices.Sort(v.Organisations)
	if len(v.Organisations) >= c.votes {
		now := registration{r.Operator.Keys, r.Operator.Logs, r.Operator.MSP, origin, r.Version}
		if err := save(stub, now, keyOperator, origin); err != nil {
			return "", err
		}
	}
	return encode(v), nil
}

// voted collects what the ledger holds; a transaction does not see its own writes.
func (c *Contract) voted(stub shim.ChaincodeStubInterface, origin string, version int64) (votes, error) {
	v := votes{Organisations: []string{}, Origin: origin, Version: version}
	for _, organisation := range c.organisations {
		found, err := load(stub, &v.Operator, keyVote, origin, number(version), organisation)
		if err != nil {
			return votes{}, err
		}
		if found {
			v.Organisations = append(v.Organisations, organisation)
		}
	}
	return v, nil
}

// Operator answers who writes an origin's anchors.
func (c *Contract) Operator(ctx contractapi.TransactionContextInterface, origin string) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	return answer(ctx, keyOperator, origin)
}

// Votes answers which organisations voted on a version, and for whom.
func (c *Contract) Votes(ctx contractapi.TransactionContextInterface, origin, version string) (string, error) {
	if err := checkOrigin(origin); err != nil {
		return "", err
	}
	n, err := parseNumber("version", version)
	if err != nil {
		return "", err
	}
	v, err := c.voted(ctx.GetStub(), origin, n)
	if err != nil {
		return "", err
	}
	if len(v.Organisations) == 0 {
		return "", refuse(wordNotFound, "no vote on version %d of %s", n, origin)
	}
	slices.Sort(v.Organisations)
	return encode(v), nil
}

// administrator names the voting organisation whose administrator calls.
func (c *Contract) administrator(stub shim.ChaincodeStubInterface) (string, error) {
	msp, cert, err := caller(stub)
	if err != nil {
		return "", refuse(wordNotAdmin, "the caller has no certificate")
	}
	if !slices.Contains(c.organisations, msp) {
		return "", refuse(wordNotAdmin, "%q is not a voting organisation", msp)
	}
	if role := roles(cert); len(role) != 1 || role[0] != "admin" {
		return "", refuse(wordNotAdmin, "the caller is not an administrator of %s", msp)
	}
	return msp, nil
}

// roles are the node units that Fabric's membership tells peers and people apart by.
func roles(cert *x509.Certificate) []string {
	var found []string
	for _, unit := range cert.Subject.OrganizationalUnit {
		if slices.Contains([]string{"admin", "client", "peer", "orderer"}, unit) {
			found = append(found, unit)
		}
	}
	return found
}

// operatorOf checks that the caller is the operator of the origin, and gives it.
func operatorOf(stub shim.ChaincodeStubInterface, origin string) (registration, error) {
	var now registration
	if found, err := load(stub, &now, keyOperator, origin); err != nil {
		return now, err
	} else if !found {
		return now, refuse(wordForeign, "%s has no operator", origin)
	}
	msp, cert, err := caller(stub)
	if err != nil {
		return now, refuse(wordForeign, "the caller has no certificate")
	}
	if msp != now.MSP {
		return now, refuse(wordForeign, "%q does not operate %s", msp, origin)
	}
	if !slices.Contains(now.Keys, keyOf(cert)) {
		return now, refuse(wordForeign, "the caller's key does not operate %s", origin)
	}
	return now, nil
}

// vouched checks that one of the log's keys, where the organisations registered
// any, signed the checkpoint (C2SP tlog-checkpoint, without extension lines): an
// anchorer's key alone cannot anchor what the log never had.
func (r registration) vouched(q request) error {
	if len(r.Logs) == 0 {
		return nil
	}
	text := fmt.Appendf(nil, "%s\n%d\n%s\n", q.Origin, q.Size, q.Root)
	for _, log := range r.Logs {
		key, err := base64.StdEncoding.DecodeString(log)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return refuse(wordUnavailable, "a log's key of %s is not ours to read", q.Origin)
		}
		for _, signature := range q.Signatures {
			if raw, err := base64.StdEncoding.DecodeString(signature); err == nil && ed25519.Verify(key, text, raw) {
				return nil
			}
		}
	}
	return refuse(wordUnsigned, "no registered key of %s signed its checkpoint of size %d", q.Origin, q.Size)
}

func caller(stub shim.ChaincodeStubInterface) (string, *x509.Certificate, error) {
	identity, err := cid.New(stub)
	if err != nil {
		return "", nil, err
	}
	msp, err := identity.GetMSPID()
	if err != nil {
		return "", nil, err
	}
	cert, err := identity.GetX509Certificate()
	if err == nil && cert == nil {
		err = refuse(wordForeign, "anonymous")
	}
	return msp, cert, err
}
