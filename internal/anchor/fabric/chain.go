package fabric

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// request is what Put takes, in its one form: RFC 8785 of these members.
func request(p anchor.Put) ([]byte, error) {
	digests := p.Digests
	if digests == nil {
		digests = []anchor.Digest{}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Digests    []endorsement.Digest `json:"digests"`
		Origin     string               `json:"origin"`
		Root       tlog.Hash            `json:"root"`
		Signatures [][]byte             `json:"signatures,omitempty"`
		Size       int64                `json:"size"`
	}{digests, p.Origin, p.Root, p.Signatures, p.Size})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Prepare implements anchor.Chain: every organisation endorses.
func (c *Chain) Prepare(ctx context.Context, p anchor.Put) (anchor.Pending, error) {
	if err := c.valid(); err != nil {
		return anchor.Pending{}, err
	}
	text, err := request(p)
	if err != nil {
		return anchor.Pending{}, err
	}
	proposal, err := c.contract.NewProposal("Put", client.WithBytesArguments(text), client.WithEndorsingOrganizations(c.organisations()...))
	if err != nil {
		return anchor.Pending{}, fmt.Errorf("propose: %w", err)
	}
	tx, err := proposal.EndorseWithContext(ctx)
	if err != nil {
		return anchor.Pending{}, c.failure("endorsement", err)
	}
	unsigned, err := tx.Bytes()
	if err != nil {
		return anchor.Pending{}, err
	}
	signature, err := c.sign(tx.Digest())
	if err != nil {
		return anchor.Pending{}, fmt.Errorf("sign: %w", err)
	}
	if tx, err = c.gateway.NewSignedTransaction(unsigned, signature); err != nil {
		return anchor.Pending{}, err
	}
	signed, err := tx.Bytes()
	return anchor.Pending{TxID: tx.TransactionID(), Bytes: signed}, err
}

// Submit implements anchor.Chain.
func (c *Chain) Submit(ctx context.Context, p anchor.Pending) error {
	tx, err := c.gateway.NewTransaction(p.Bytes)
	if err != nil || tx.TransactionID() != p.TxID {
		return errors.Join(fmt.Errorf("%w: the kept bytes are no transaction", anchor.ErrInvalid), err)
	}
	if _, err := tx.SubmitWithContext(ctx); err != nil {
		return c.failure("submission", err)
	}
	return nil
}

// Status implements anchor.Chain. The peer waits for the transaction as long as
// it may, so that the time ending is no error.
func (c *Chain) Status(ctx context.Context, p anchor.Pending) (anchor.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	commit, err := c.commit(p.TxID)
	if err != nil {
		return anchor.Unknown, err
	}
	s, err := commit.StatusWithContext(ctx)
	switch {
	case err == nil && s.Successful:
		return anchor.Committed, nil
	case err == nil:
		return anchor.Invalid, &anchor.Void{Code: peer.TxValidationCode_name[int32(s.Code)]}
	case status.Code(err) == codes.DeadlineExceeded:
		return anchor.Unknown, nil
	}
	return anchor.Unknown, c.failure("commit status", err)
}

// commit makes the question what became of a transaction, which may be one of
// an earlier process.
func (c *Chain) commit(txID string) (*client.Commit, error) {
	creator, err := c.creator()
	if err != nil {
		return nil, err
	}
	question, err := proto.Marshal(&gateway.CommitStatusRequest{ChannelId: c.connection.Channel, TransactionId: txID, Identity: creator})
	if err != nil {
		return nil, err
	}
	unsigned, err := proto.Marshal(&gateway.SignedCommitStatusRequest{Request: question})
	if err != nil {
		return nil, err
	}
	return c.gateway.NewCommit(unsigned)
}

// Latest implements anchor.Chain.
func (c *Chain) Latest(ctx context.Context, origin string) (int64, error) {
	if err := c.valid(); err != nil {
		return 0, err
	}
	raw, err := c.contract.EvaluateWithContext(ctx, "Latest", client.WithArguments(origin), client.WithEndorsingOrganizations(c.connection.MSP))
	if err != nil {
		if err = c.failure("reading the newest anchor", err); errors.Is(err, anchor.ErrNotFound) {
			return 0, nil
		}
		return 0, err
	}
	record, err := endorsement.ParseRecord(raw)
	if err != nil || record.Origin != origin {
		return 0, fmt.Errorf("newest anchor of %s: the peer answered about %q: %w", origin, record.Origin, err)
	}
	return record.Size, nil
}

func size(n int64) string { return strconv.FormatInt(n, 10) }
