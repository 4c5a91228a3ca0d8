package fabric

import (
	"context"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/govmydata/mydata/internal/anchor"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// statusWait is how long one question about a transaction may stand.
const statusWait = 8 * time.Second

// Read implements anchor.Chain: one question, signed once and submitted
// nowhere, to a peer of each organisation.
func (c *Chain) Read(ctx context.Context, origin string, n int64) (endorsement.Proof, error) {
	if err := c.valid(); err != nil {
		return endorsement.Proof{}, err
	}
	question, err := c.question("Get", origin, size(n))
	if err != nil {
		return endorsement.Proof{}, err
	}
	reads := make([]endorsement.Read, len(c.connection.Organisations))
	group, ctx := errgroup.WithContext(ctx)
	for i, msp := range c.organisations() {
		group.Go(func() error {
			var err error
			reads[i], err = c.ask(ctx, msp, question)
			return err
		})
	}
	return endorsement.Proof{Reads: reads}, group.Wait()
}

// question makes a signed proposal.
func (c *Chain) question(function string, args ...string) (*peer.SignedProposal, error) {
	p, err := c.contract.NewProposal(function, client.WithArguments(args...))
	if err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	raw, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	proposed := new(gateway.ProposedTransaction)
	if err := proto.Unmarshal(raw, proposed); err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	signed := proposed.GetProposal()
	if signed.Signature, err = c.sign(p.Digest()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signed, nil
}

// ask has one organisation's peer answer, and keeps question and answer whole.
func (c *Chain) ask(ctx context.Context, msp string, question *peer.SignedProposal) (endorsement.Read, error) {
	answer, err := c.peers[msp].ProcessProposal(ctx, question)
	if err != nil {
		return endorsement.Read{}, c.failure("reading a peer of "+msp, err)
	}
	if r := answer.GetResponse(); r.GetStatus() != 200 {
		return endorsement.Read{}, c.failure("reading a peer of "+msp, fmt.Errorf("chaincode response %d, %s", r.GetStatus(), r.GetMessage()))
	}
	return endorsement.Read{
		Proposal: question.GetProposalBytes(), Response: answer.GetPayload(),
		Endorser: answer.GetEndorsement().GetEndorser(), Signature: answer.GetEndorsement().GetSignature(),
	}, nil
}

func (c *Chain) creator() ([]byte, error) {
	return proto.Marshal(&msp.SerializedIdentity{Mspid: c.id.MspID(), IdBytes: c.id.Credentials()})
}

var _ anchor.Chain = (*Chain)(nil)
