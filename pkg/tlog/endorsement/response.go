package endorsement

import "bytes"

// lifecycle is the namespace in which a peer looks up, at each call, which
// definition of the chaincode is in force.
const lifecycle = "_lifecycle"

// answer is what a chaincode answered: ProposalResponsePayload and
// ChaincodeAction (fabric-protos, peer/proposal_response.proto, proposal.proto).
type answer struct {
	hash      []byte
	status    uint64
	payload   []byte
	chaincode string
	states    []namespace
}

// namespace is a part of the read and write set.
type namespace struct {
	name   string
	reads  []keyRead
	others int // writes, metadata writes, range queries, private data
}

type keyRead struct {
	key       []byte
	committed bool // it has a version: a block wrote it
}

func parseResponse(raw []byte) (answer, error) {
	var a answer
	f := read(raw)
	a.hash = f.need(1)
	action := f.need(2)
	if err := f.end("response payload"); err != nil {
		return a, err
	}
	f = read(action)
	results := f.need(1) // 2, events, has none
	response, id := f.need(3), f.need(4)
	if err := f.end("chaincode action"); err != nil {
		return a, err
	}
	f = read(response)
	a.status = f.varint(1)
	message := f.may(2)
	a.payload = f.may(3)
	if err := f.end("chaincode response"); err != nil {
		return a, err
	}
	if len(message) > 0 && a.status == statusOK {
		return a, refuse(CheckAnswer, MenderProver, "it comes with a message")
	}
	f = read(id)
	a.chaincode = string(f.need(2))
	f.may(3) // the version in force: an upgrade changes it
	if err := f.end("chaincode id"); err != nil {
		return a, err
	}
	return a, a.parseResults(results)
}

// parseResults reads rwset.TxReadWriteSet (ledger/rwset).
func (a *answer) parseResults(raw []byte) error {
	f := read(raw)
	spaces := f.each(2) // 1, the data model, is KV, which is zero
	if err := f.end("read and write set"); err != nil {
		return err
	}
	for _, raw := range spaces {
		f := read(raw)
		space := namespace{name: string(f.need(1))}
		set := f.may(2)
		space.others = len(f.each(3))
		if err := f.end("namespace"); err != nil {
			return err
		}
		if err := space.parse(set); err != nil {
			return err
		}
		a.states = append(a.states, space)
	}
	return nil
}

// parse reads kvrwset.KVRWSet.
func (n *namespace) parse(raw []byte) error {
	f := read(raw)
	reads := f.each(1)
	n.others += len(f.each(2)) + len(f.each(3)) + len(f.each(4))
	if err := f.end("set of a namespace"); err != nil {
		return err
	}
	for _, raw := range reads {
		f := read(raw)
		key := f.need(1)
		version, committed := f.message(2)
		if err := f.end("read of a key"); err != nil {
			return err
		}
		f = read(version)
		f.varint(1)
		f.varint(2)
		if err := f.end("version of a key"); err != nil {
			return err
		}
		n.reads = append(n.reads, keyRead{key: key, committed: committed})
	}
	return nil
}

const statusOK = 200 // shim.OK

// check: it answers this question, well, out of what blocks had committed, and
// would change nothing.
func (a answer) check(q question) *Error {
	switch {
	case !bytes.Equal(a.hash, q.hash[:]):
		return refuse(CheckHash, MenderProver, "the answer is to another question")
	case a.chaincode != q.chaincode:
		return refuse(CheckChaincode, MenderProver, "chaincode %q answered", a.chaincode)
	case a.status != statusOK:
		return refuse(CheckAnswer, MenderProver, "status %d", a.status)
	}
	found := false
	for _, space := range a.states {
		switch {
		case space.name != q.chaincode && space.name != lifecycle:
			return refuse(CheckCommitted, MenderProver, "it read the state of %q", space.name)
		case space.others > 0:
			return refuse(CheckWrites, MenderProver, "it writes, or asks for more than keys, in %q", space.name)
		}
		for _, k := range space.reads {
			if !k.committed {
				return refuse(CheckCommitted, MenderProver, "it read a key that no block has written")
			}
			found = found || space.name == q.chaincode
		}
	}
	if !found {
		return refuse(CheckCommitted, MenderProver, "it read nothing of the chaincode's state")
	}
	return nil
}
