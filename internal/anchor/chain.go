package anchor

import (
	"context"
	"errors"
	"fmt"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Digest is of a public statement that rides with a checkpoint.
type Digest = endorsement.Digest

// Put asks to anchor a checkpoint.
type Put struct {
	Origin  string
	Size    int64
	Root    tlog.Hash
	Digests []Digest // sorted by kind and id, at most MaxDigests
	// Signatures are the log's own of the checkpoint: a ledger that knows the
	// log's keys takes nothing else, whoever holds the anchorer's.
	Signatures [][]byte `json:",omitempty"`
}

// MaxDigests is how many may ride in one transaction.
const MaxDigests = 256

// Pending is a transaction, endorsed and signed: the same bytes are the same
// transaction, however often they are submitted.
type Pending struct {
	TxID  string
	Bytes []byte
}

// Outcome of a transaction.
type Outcome int

// What became of a transaction.
const (
	Unknown   Outcome = iota // not in a block, as far as the peer knows
	Committed                // valid, in a block
	Invalid                  // in a block, without effect
)

// Chain is a ledger that holds anchors write-once: a size of an origin has one
// content, and sizes grow.
//
// Prepare changes nothing on the ledger. After Submit, whatever it answered,
// the outcome is what Status says; a submit that succeeded may be lost. Status
// answers Invalid with a *Void naming the ledger's reason, and Unknown after a
// while, with or without an error. Read asks a peer of each organisation what
// it holds committed; ErrNotFound when one has not got so far. Latest is the
// greatest size anchored, 0 when there is none. Errors wrap one of the
// sentinels below; any other means: try again later.
type Chain interface {
	Prepare(ctx context.Context, p Put) (Pending, error)
	Submit(ctx context.Context, p Pending) error
	Status(ctx context.Context, p Pending) (Outcome, error)
	Read(ctx context.Context, origin string, size int64) (endorsement.Proof, error)
	Latest(ctx context.Context, origin string) (size int64, err error)
}

// What a chain answers, as far as somebody acts on it.
var (
	// ErrConflict says that the size is anchored with another content.
	ErrConflict = errors.New("this size is anchored with another content")
	// ErrBehind says that a greater size is anchored.
	ErrBehind = errors.New("a greater size is anchored")
	// ErrForeign says that the writer is not the registered operator.
	ErrForeign = errors.New("the writer is not the registered operator of this origin")
	// ErrNotFound says that nothing is anchored there.
	ErrNotFound = errors.New("not anchored")
	// ErrInvalid says that the chaincode does not understand the request.
	ErrInvalid = errors.New("the chaincode refuses the request")
	// ErrExpired says that the writer's certificate is not valid now.
	ErrExpired = errors.New("the certificate of the anchorer's identity is not valid now")
	// ErrOrganisation says that the network does not know the writer.
	ErrOrganisation = errors.New("the network does not take the anchorer's identity")
	// ErrUnreachable says that a peer or the orderers did not answer.
	ErrUnreachable = errors.New("the ledger network is out of reach")
)

// Failure is an error of a chain that says which check failed and who can mend
// it. It wraps one of the sentinels.
type Failure struct {
	Is                   error
	Check, Cause, Mender string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %v: %s (to be mended by: %s)", f.Check, f.Is, f.Cause, f.Mender)
}

func (f *Failure) Unwrap() error { return f.Is }

// Void is why a transaction that was put in a block has no effect.
type Void struct{ Code string }

func (v *Void) Error() string { return "the transaction has no effect: " + v.Code }

// final says that the same bytes will not be taken another time either.
func final(err error) bool {
	return errors.Is(err, ErrExpired) || errors.Is(err, ErrOrganisation) || errors.Is(err, ErrInvalid)
}
