package endorsement

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Anchored is what a proof says: these organisations' peers reported the
// record committed.
type Anchored struct {
	Origin        string
	Size          int64
	Root          tlog.Hash
	Digests       []Digest
	Writer        string
	Organisations []string
}

// Verify checks a proof, offline. What it refuses is an *Error.
func (t *Trust) Verify(p Proof) (Anchored, error) {
	if err := p.checkForm(); err != nil {
		return Anchored{}, err
	}
	var first Record
	var payload []byte
	var organisations []string
	for i, r := range p.Reads {
		record, said, by, err := t.verifyRead(r)
		switch {
		case err != nil:
		case slices.Contains(organisations, by):
			err = refuse(CheckDistinct, MenderProver, "organisation %s twice", by)
		case i > 0 && !bytes.Equal(said, payload):
			err = refuse(CheckSame, MenderChannel, "it differs from the first")
		}
		if err != nil {
			err.Read = i + 1
			return Anchored{}, err
		}
		if i == 0 {
			first, payload = record, said
		}
		organisations = append(organisations, by)
	}
	if t.quorum < 1 || len(organisations) < t.quorum {
		return Anchored{}, refuse(CheckQuorum, MenderProver, "%d organisations where %d are asked for", len(organisations), t.quorum)
	}
	return Anchored{
		Origin: first.Origin, Size: first.Size, Root: first.Root, Digests: first.Digests, Writer: first.Writer,
		Organisations: organisations,
	}, nil
}

// verifyRead checks one answer: what was asked, what was answered, who signed.
func (t *Trust) verifyRead(r Read) (record Record, payload []byte, by string, refused *Error) {
	q, err := parseProposal(r.Proposal)
	if err != nil {
		return record, nil, "", named(CheckProposal, err)
	}
	if refused = t.checkQuestion(q); refused != nil {
		return record, nil, "", refused
	}
	a, err := parseResponse(r.Response)
	if err != nil {
		return record, nil, "", named(CheckResponse, err)
	}
	if refused = a.check(q); refused != nil {
		return record, nil, "", refused
	}
	if record, err = ParseRecord(a.payload); err != nil {
		return record, nil, "", named(CheckRecord, err)
	}
	if string(q.args[1]) != record.Origin || string(q.args[2]) != strconv.FormatInt(record.Size, 10) {
		return record, nil, "", refuse(CheckArguments, MenderProver, "another checkpoint was asked for than was answered")
	}
	e, err := parseEndorser(r.Endorser)
	if err != nil {
		return record, nil, "", named(CheckEndorser, err)
	}
	return record, a.payload, e.msp, t.checkEndorser(e, q, r)
}

// named gives a parser's error the name of its check, unless it has one.
func named(check string, err error) *Error {
	if refused, ok := errors.AsType[*Error](err); ok {
		return refused
	}
	return refuse(check, MenderProver, "%v", err)
}

// checkQuestion: this channel, this chaincode, Get of two arguments.
func (t *Trust) checkQuestion(q question) *Error {
	switch {
	case q.channel != t.channel:
		return refuse(CheckChannel, MenderProver, "it is to channel %q", q.channel)
	case q.chaincode != t.chaincode:
		return refuse(CheckChaincode, MenderProver, "it is to chaincode %q", q.chaincode)
	case len(q.args) == 0 || string(q.args[0]) != "Get":
		return refuse(CheckFunction, MenderProver, "it does not call Get")
	case len(q.args) != 3:
		return refuse(CheckArguments, MenderProver, "%d where origin and size belong", len(q.args)-1)
	}
	return nil
}

// checkEndorser: a peer of a listed organisation by the configuration in force
// when it was asked, revoked in none, signed exactly this.
func (t *Trust) checkEndorser(e endorser, q question, r Read) *Error {
	if !slices.Contains(t.organisations, e.msp) {
		return refuse(CheckOrganisation, MenderProver, "%q is not among the trusted", e.msp)
	}
	c := t.inForce(q.at)
	if c == nil {
		return refuse(CheckInForce, MenderTrust, "no pinned configuration reaches back to the proposal's time")
	}
	o := c.members[e.msp]
	if o == nil {
		return refuse(CheckOrganisation, MenderChannel, "%q is no member in configuration %d", e.msp, c.sequence)
	}
	if refused := o.checkPeer(e.certificate, q.at); refused != nil {
		return refused
	}
	for _, c := range t.configs {
		if o := c.members[e.msp]; o != nil && o.revokes(e.certificate) {
			return refuse(CheckRevoked, MenderChannel, "configuration %d revokes it", c.sequence)
		}
	}
	return e.signed(slices.Concat(r.Response, r.Endorser), r.Signature)
}
