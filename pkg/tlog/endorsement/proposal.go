package endorsement

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// The header type of what a peer is asked (common.HeaderType).
const endorserTransaction = 3

// question is a proposal: what a peer was asked, by channel, chaincode,
// function and arguments.
type question struct {
	channel, chaincode string
	at                 time.Time
	args               [][]byte
	hash               [32]byte
}

// parseProposal reads peer.Proposal.
func parseProposal(raw []byte) (question, error) {
	var q question
	f := read(raw)
	header, payload := f.need(1), f.need(2)
	if err := f.end("proposal"); err != nil {
		return q, err
	}
	f = read(header)
	channel, signature := f.need(1), f.need(2)
	if err := f.end("header"); err != nil {
		return q, err
	}
	txID, err := q.parseChannelHeader(channel)
	if err != nil {
		return q, err
	}
	f = read(signature)
	creator, nonce := f.need(1), f.need(2)
	if err := f.end("signature header"); err != nil {
		return q, err
	}
	// protoutil.ComputeTxID
	if id := sha256.Sum256(append(append([]byte{}, nonce...), creator...)); txID != hex.EncodeToString(id[:]) {
		return q, refuse(CheckTransaction, MenderProver, "it is not made of nonce and creator")
	}
	if err := q.parseInvocation(payload); err != nil {
		return q, err
	}
	// protoutil.GetProposalHash1. Nothing marks where a part ends; that each
	// was read whole, in its one spelling, does.
	h := sha256.New()
	h.Write(channel)
	h.Write(signature)
	h.Write(payload)
	h.Sum(q.hash[:0])
	return q, nil
}

// parseChannelHeader reads common.ChannelHeader and the
// ChaincodeHeaderExtension in it.
func (q *question) parseChannelHeader(raw []byte) (txID string, err error) {
	f := read(raw)
	kind := f.varint(1)
	f.varint(2) // version: nobody gives it a meaning
	at, _ := f.message(3)
	q.channel, txID = string(f.need(4)), string(f.need(5))
	extension := f.need(7) // 6, the epoch, is zero
	f.may(8)               // hash of the asker's TLS certificate
	if err := f.end("channel header"); err != nil {
		return "", err
	}
	if kind != endorserTransaction {
		return "", refuse(CheckProposal, MenderProver, "header type %d is no question to a chaincode", kind)
	}
	f = read(at)
	seconds, nanos := f.varint(1), f.varint(2)
	if err := f.end("timestamp"); err != nil {
		return "", err
	}
	if seconds == 0 || seconds > maxSeconds || nanos >= uint64(time.Second) {
		return "", refuse(CheckProposal, MenderProver, "a timestamp out of range")
	}
	q.at = time.Unix(int64(seconds), int64(nanos)).UTC()
	f = read(extension)
	id := f.need(2)
	if err := f.end("header extension"); err != nil {
		return "", err
	}
	q.chaincode, err = parseChaincodeID(id)
	return txID, err
}

const maxSeconds = 253402300799 // the year 9999, as google.protobuf.Timestamp

// parseChaincodeID reads peer.ChaincodeID as questions have it: a name alone.
func parseChaincodeID(raw []byte) (name string, err error) {
	f := read(raw)
	name = string(f.need(2))
	return name, f.end("chaincode id")
}

// parseInvocation reads peer.ChaincodeProposalPayload down to the arguments.
func (q *question) parseInvocation(raw []byte) error {
	f := read(raw)
	input := f.need(1) // 2, transient data, is not under the hash
	if err := f.end("chaincode payload"); err != nil {
		return err
	}
	f = read(input)
	spec := f.need(1)
	if err := f.end("invocation"); err != nil {
		return err
	}
	f = read(spec)
	f.varint(1) // language: clients write what they like
	id, call := f.need(2), f.need(3)
	if err := f.end("chaincode spec"); err != nil {
		return err
	}
	name, err := parseChaincodeID(id)
	if err != nil {
		return err
	}
	if name != q.chaincode {
		return refuse(CheckChaincode, MenderProver, "header and payload name two chaincodes")
	}
	f = read(call)
	q.args = f.each(1) // 2, decorations, and 3, init, do not belong to a question
	return f.end("chaincode input")
}
