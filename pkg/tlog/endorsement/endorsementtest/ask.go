package endorsementtest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Message joins fields.
func Message(fields ...[]byte) []byte { return slices.Concat(fields...) }

// Bytes is a field of bytes, also of none.
func Bytes(field int, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, protowire.Number(field), protowire.BytesType), value) //nolint:gosec // G115: a literal
}

// Varint is a number; zero is absent.
func Varint(field int, v uint64) []byte {
	if v == 0 {
		return nil
	}
	return protowire.AppendVarint(protowire.AppendTag(nil, protowire.Number(field), protowire.VarintType), v) //nolint:gosec // G115: a literal
}

// Question is a proposal, before it is written.
type Question struct {
	Type               uint64
	Channel, Chaincode string
	Called             string // the chaincode in the payload
	At                 time.Time
	Nanos              uint64 // more than At has
	TxID               string // made of nonce and creator when empty
	Args               [][]byte
	Transient          []byte
	Epoch              uint64
}

// Question asks Get for a record.
func (c *Channel) Question(r endorsement.Record) Question {
	return Question{
		Type: 3, Channel: c.Name, Chaincode: c.Chaincode, Called: c.Chaincode, At: c.Start.Add(time.Minute),
		Args: [][]byte{[]byte("Get"), []byte(r.Origin), []byte(strconv.FormatInt(r.Size, 10))},
	}
}

// Answer is a chaincode's answer, before it is written and signed.
type Answer struct {
	Hash      []byte // the question's when empty
	Status    uint64
	Message   string
	Payload   []byte
	Chaincode string
	Results   []byte
	Events    []byte
	HighS     bool
}

// Answer is the record, read from committed state.
func (c *Channel) Answer(r endorsement.Record) Answer {
	payload, err := r.Marshal()
	must(err)
	return Answer{Status: 200, Payload: payload, Chaincode: c.Chaincode, Results: Message(
		Namespace("_lifecycle", Message(Key("namespaces/fields/"+c.Chaincode+"/Sequence", true))),
		Namespace(c.Chaincode, Message(Key("record", true))),
	)}
}

// Namespace is a part of a read and write set.
func Namespace(name string, set []byte) []byte {
	return Bytes(2, Message(Bytes(1, []byte(name)), Bytes(2, set)))
}

// Key is the read of a key that a block has written, or none.
func Key(key string, committed bool) []byte {
	read := Bytes(1, []byte(key))
	if committed {
		read = Message(read, Bytes(2, Varint(1, 7)))
	}
	return Bytes(1, read)
}

// Ask has a peer sign an answer to a question.
func (c *Channel) Ask(peer Identity, q Question, a Answer) endorsement.Read {
	creator, nonce := peer.Serialized(), make([]byte, 24)
	rand.Read(nonce) // it never fails
	if q.TxID == "" {
		id := sha256.Sum256(Message(nonce, creator))
		q.TxID = hex.EncodeToString(id[:])
	}
	at := Message(Varint(1, uint64(q.At.Unix())), Varint(2, uint64(q.At.Nanosecond())+q.Nanos)) //nolint:gosec // G115: after 1970
	channel := Message(Varint(1, q.Type), Bytes(3, at), Bytes(4, []byte(q.Channel)), Bytes(5, []byte(q.TxID)), Varint(6, q.Epoch),
		Bytes(7, Bytes(2, Bytes(2, []byte(q.Chaincode)))))
	signature := Message(Bytes(1, creator), Bytes(2, nonce))
	var input []byte
	for _, arg := range q.Args {
		input = append(input, Bytes(1, arg)...)
	}
	spec := Message(Varint(1, 1), Bytes(2, Bytes(2, []byte(q.Called))), Bytes(3, input))
	payload := Bytes(1, Bytes(1, spec))
	if len(a.Hash) == 0 {
		hash := sha256.Sum256(Message(channel, signature, payload))
		a.Hash = hash[:]
	}
	if len(q.Transient) > 0 {
		payload = Message(payload, Bytes(2, Message(Bytes(1, []byte("k")), Bytes(2, q.Transient))))
	}
	r := endorsement.Read{
		Proposal: Message(Bytes(1, Message(Bytes(1, channel), Bytes(2, signature))), Bytes(2, payload)),
		Response: a.marshal(), Endorser: peer.Serialized(),
	}
	r.Signature = Sign(peer.Key, Message(r.Response, r.Endorser), a.HighS)
	return r
}

func (a Answer) marshal() []byte {
	response := Varint(1, a.Status)
	if a.Message != "" {
		response = append(response, Bytes(2, []byte(a.Message))...)
	}
	response = append(response, Bytes(3, a.Payload)...)
	action := Bytes(1, a.Results)
	if len(a.Events) > 0 {
		action = append(action, Bytes(2, a.Events)...)
	}
	action = Message(action, Bytes(3, response), Bytes(4, Message(Bytes(2, []byte(a.Chaincode)), Bytes(3, []byte("1")))))
	return Message(Bytes(1, a.Hash), Bytes(2, action))
}

// Sign signs as Fabric does, with S in the lower half, or in the upper.
func Sign(key *ecdsa.PrivateKey, message []byte, high bool) []byte {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	must(err)
	n := key.Params().N
	if upper := s.Cmp(new(big.Int).Rsh(n, 1)) > 0; upper != high {
		s.Sub(n, s)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	must(err)
	return der
}
