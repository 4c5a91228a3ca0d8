package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/peer"
	"github.com/hyperledger/fabric-sdk-go/pkg/client/channel"
	"github.com/hyperledger/fabric-sdk-go/pkg/client/channel/invoke"
	"github.com/hyperledger/fabric-sdk-go/pkg/client/ledger"
	mspclient "github.com/hyperledger/fabric-sdk-go/pkg/client/msp"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/logging"
	fabcontext "github.com/hyperledger/fabric-sdk-go/pkg/common/providers/context"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/fab"
	"github.com/hyperledger/fabric-sdk-go/pkg/common/providers/msp"
	sdkconfig "github.com/hyperledger/fabric-sdk-go/pkg/core/config"
	"github.com/hyperledger/fabric-sdk-go/pkg/fabsdk"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// chain is the network, by fabric-sdk-go.
type chain struct {
	connection connection
	sdk        *fabsdk.FabricSDK
	context    fabcontext.ChannelProvider
	channel    *channel.Client
	ledger     *ledger.Client
}

func connect(file, state string) (*chain, error) {
	c, err := readConnection(file)
	if err != nil {
		return nil, err
	}
	logging.SetLevel("", logging.ERROR)
	raw, err := c.profile(filepath.Join(state, "sdk"))
	if err != nil {
		return nil, err
	}
	sdk, err := fabsdk.New(sdkconfig.FromRaw(raw, "json"))
	if err != nil {
		return nil, err
	}
	ch := &chain{connection: c, sdk: sdk}
	if err := ch.open(); err != nil {
		sdk.Close()
		return nil, err
	}
	return ch, nil
}

func (c *chain) open() error {
	who, err := c.identity()
	if err != nil {
		return err
	}
	c.context = c.sdk.ChannelContext(c.connection.Channel, fabsdk.WithIdentity(who))
	if c.channel, err = channel.New(c.context); err != nil {
		return err
	}
	c.ledger, err = ledger.New(c.context)
	return err
}

func (c *chain) identity() (msp.SigningIdentity, error) {
	cert, err1 := os.ReadFile(c.connection.Cert)
	key, err2 := os.ReadFile(c.connection.Key)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	members, err := mspclient.New(c.sdk.Context(), mspclient.WithOrg(c.connection.MSP))
	if err != nil {
		return nil, err
	}
	return members.CreateSigningIdentity(msp.WithCert(cert), msp.WithPrivateKey(key))
}

func (c *chain) close() { c.sdk.Close() }

// word tells whether the chaincode's error begins with this word.
func word(err error, w string) bool { return err != nil && strings.Contains(err.Error(), w+": ") }

// warm calls a reading function until it answers: the library's first call after
// a start fails about one time in three, after 10 s.
func (c *chain) warm(origin string) {
	for range 3 {
		if _, err := c.latest(origin); err == nil {
			return
		}
	}
}

func (c *chain) latest(origin string) (int64, error) {
	r, err := c.channel.Query(channel.Request{ChaincodeID: c.connection.Chaincode, Fcn: "Latest", Args: [][]byte{[]byte(origin)}},
		channel.WithTargetEndpoints(c.connection.Peer))
	if word(err, "NOTFOUND") {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	record, err := endorsement.ParseRecord(r.Payload)
	return record.Size, err
}

// request is what Put takes, in its one form.
func request(origin string, p *pending) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Digests    []endorsement.Digest `json:"digests"`
		Origin     string               `json:"origin"`
		Root       tlog.Hash            `json:"root"`
		Signatures [][]byte             `json:"signatures,omitempty"`
		Size       int64                `json:"size"`
	}{[]endorsement.Digest{}, origin, p.Root, p.LogSigned, p.Size})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// prepare has every organisation endorse, and signs the envelope; nothing is
// sent to the orderers.
func (c *chain) prepare(origin string, p *pending) error {
	text, err := request(origin, p)
	if err != nil {
		return err
	}
	kept := &keep{chain: c, into: p}
	handler := invoke.NewSelectAndEndorseHandler(invoke.NewEndorsementValidationHandler(invoke.NewSignatureValidationHandler(kept)))
	_, err = c.channel.InvokeHandler(handler, channel.Request{ChaincodeID: c.connection.Chaincode, Fcn: "Put", Args: [][]byte{text}},
		channel.WithTargetEndpoints(c.connection.peers()...))
	return err
}

// keep stands where the library would broadcast.
type keep struct {
	chain *chain
	into  *pending
}

// Handle implements invoke.Handler.
func (k *keep) Handle(r *invoke.RequestContext, c *invoke.ClientContext) {
	r.Error = k.sign(r, c)
}

func (k *keep) sign(r *invoke.RequestContext, c *invoke.ClientContext) error {
	tx, err := c.Transactor.CreateTransaction(fab.TransactionRequest{Proposal: r.Response.Proposal, ProposalResponses: r.Response.Responses})
	if err != nil {
		return err
	}
	header := new(common.Header)
	if err := proto.Unmarshal(tx.Proposal.Header, protoadapt.MessageV2Of(header)); err != nil {
		return err
	}
	body, err := proto.Marshal(protoadapt.MessageV2Of(tx.Transaction))
	if err != nil {
		return err
	}
	payload, err := proto.Marshal(protoadapt.MessageV2Of(&common.Payload{Header: header, Data: body}))
	if err != nil {
		return err
	}
	ctx, err := k.chain.context()
	if err != nil {
		return err
	}
	signature, err := ctx.SigningManager().Sign(payload, ctx.PrivateKey())
	if err != nil {
		return err
	}
	k.into.TxID, k.into.Payload, k.into.Signature = string(r.Response.TransactionID), payload, signature
	return nil
}

// broadcast sends the kept bytes to one orderer after another.
func (c *chain) broadcast(p pending) error {
	ctx, err := c.context()
	if err != nil {
		return err
	}
	var failed error
	for _, o := range ctx.EndpointConfig().OrderersConfig() {
		orderer, err := ctx.InfraProvider().CreateOrdererFromConfig(&o)
		if err == nil {
			limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_, err = orderer.SendBroadcast(limited, &fab.SignedEnvelope{Payload: p.Payload, Signature: p.Signature})
			cancel()
		}
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return fmt.Errorf("no orderer took it: %w", failed)
}

// outcome asks our peer's ledger what became of a transaction.
func (c *chain) outcome(txID string) (code string, found bool) {
	tx, err := c.ledger.QueryTransaction(fab.TransactionID(txID), ledger.WithTargetEndpoints(c.connection.Peer))
	if err != nil {
		return "", false
	}
	return peer.TxValidationCode_name[tx.GetValidationCode()], true
}

func (c *chain) await(ctx context.Context, txID string) (code string, found bool) {
	for range 40 {
		select {
		case <-ctx.Done():
			return "", false
		case <-time.After(250 * time.Millisecond):
		}
		if code, found = c.outcome(txID); found {
			return code, true
		}
	}
	return "", false
}

// read asks a peer of each organisation, and keeps question and answers whole.
func (c *chain) read(origin string, size int64) (endorsement.Proof, error) {
	r, err := c.channel.Query(channel.Request{
		ChaincodeID: c.connection.Chaincode, Fcn: "Get", Args: [][]byte{[]byte(origin), []byte(strconv.FormatInt(size, 10))},
	}, channel.WithTargetEndpoints(c.connection.peers()...))
	if err != nil {
		return endorsement.Proof{}, err
	}
	question, err := proto.Marshal(protoadapt.MessageV2Of(r.Proposal.Proposal))
	if err != nil {
		return endorsement.Proof{}, err
	}
	var p endorsement.Proof
	for _, each := range r.Responses {
		p.Reads = append(p.Reads, endorsement.Read{
			Proposal: question, Response: each.Payload, Endorser: each.Endorsement.Endorser, Signature: each.Endorsement.Signature,
		})
	}
	return p, nil
}
