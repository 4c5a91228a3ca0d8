package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// signer is who changes the channel's configuration.
type signer struct {
	creator []byte
	sign    identity.Sign
}

func newSigner(mspID string, who pair) (signer, error) {
	id, sign, err := who.open(mspID)
	if err != nil {
		return signer{}, err
	}
	creator, err := proto.Marshal(&msp.SerializedIdentity{Mspid: mspID, IdBytes: id.Credentials()})
	return signer{creator, sign}, err
}

// signed makes a signature header and signs it together with the data.
func (s signer) signed(data []byte) (*common.ConfigSignature, error) {
	nonce := make([]byte, 24)
	rand.Read(nonce)
	header, err := proto.Marshal(&common.SignatureHeader{Creator: s.creator, Nonce: nonce})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(slices.Clone(header), data...))
	signature, err := s.sign(sum[:])
	return &common.ConfigSignature{SignatureHeader: header, Signature: signature}, err
}

// configuration asks an organisation's peer for the channel's current one.
func (n *network) configuration(ctx context.Context, o int) (*common.Config, error) {
	s, err := n.as(o, "admin")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	raw, err := s.gateway.GetNetwork(channel).GetContract("cscc").EvaluateWithContext(ctx, "GetChannelConfig",
		client.WithArguments(channel), client.WithEndorsingOrganizations(mspOf(o)))
	if err != nil {
		return nil, err
	}
	config := new(common.Config)
	return config, proto.Unmarshal(raw, config)
}

// change sets one value of the channel's configuration, named by the groups above it,
// and waits until every peer has the new configuration.
func (n *network) change(ctx context.Context, s signer, groups []string, name string, edit func(old []byte) ([]byte, error)) error {
	config, err := n.configuration(ctx, 1)
	if err != nil {
		return err
	}
	read, write, err := sets(config.GetChannelGroup(), groups, name, edit)
	if err != nil {
		return err
	}
	update, err := proto.Marshal(&common.ConfigUpdate{ChannelId: channel, ReadSet: read, WriteSet: write})
	if err != nil {
		return err
	}
	signature, err := s.signed(update)
	if err != nil {
		return err
	}
	data, err := proto.Marshal(&common.ConfigUpdateEnvelope{ConfigUpdate: update, Signatures: []*common.ConfigSignature{signature}})
	if err != nil {
		return err
	}
	if err := n.broadcast(ctx, s, data); err != nil {
		return err
	}
	return together(organisation, func(o int) error {
		return n.patiently(ctx, func() error {
			now, err := n.configuration(ctx, o)
			if err == nil && now.GetSequence() <= config.GetSequence() {
				err = fmt.Errorf("%s does not have the new configuration", mspOf(o))
			}
			return err
		})
	})
}

// sets are what Fabric wants to see of a change: the versions it was made from, and the
// changed value with the next version.
func sets(group *common.ConfigGroup, groups []string, name string, edit func([]byte) ([]byte, error)) (read, write *common.ConfigGroup, err error) {
	read = &common.ConfigGroup{Version: group.GetVersion()}
	write = &common.ConfigGroup{Version: group.GetVersion()}
	if len(groups) > 0 {
		below, ok := group.GetGroups()[groups[0]]
		if !ok {
			return nil, nil, fmt.Errorf("the channel has no group %s", groups[0])
		}
		r, w, err := sets(below, groups[1:], name, edit)
		read.Groups = map[string]*common.ConfigGroup{groups[0]: r}
		write.Groups = map[string]*common.ConfigGroup{groups[0]: w}
		return read, write, err
	}
	value, ok := group.GetValues()[name]
	if !ok {
		return nil, nil, fmt.Errorf("the channel has no value %s", name)
	}
	edited, err := edit(value.GetValue())
	write.Values = map[string]*common.ConfigValue{name: {Version: value.GetVersion() + 1, Value: edited, ModPolicy: value.GetModPolicy()}}
	return read, write, err
}

// broadcast hands a change to the first orderer that takes it.
func (n *network) broadcast(ctx context.Context, s signer, data []byte) error {
	header, err := proto.Marshal(&common.ChannelHeader{
		Type: int32(common.HeaderType_CONFIG_UPDATE), ChannelId: channel, Timestamp: timestamppb.Now(),
	})
	if err != nil {
		return err
	}
	head, err := s.signed(nil)
	if err != nil {
		return err
	}
	payload, err := proto.Marshal(&common.Payload{Header: &common.Header{ChannelHeader: header, SignatureHeader: head.GetSignatureHeader()}, Data: data})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(payload)
	signature, err := s.sign(sum[:])
	if err != nil {
		return err
	}
	failures := make([]error, 0, n.Orderers)
	for i := 1; i <= n.Orderers; i++ {
		if err = n.deliver(ctx, i, &common.Envelope{Payload: payload, Signature: signature}); err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

func (n *network) deliver(ctx context.Context, i int, envelope *common.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tls, err := credentials.NewClientTLSFromFile(n.ordererDir(i, "tls", "ca.crt"), "")
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(host(n.ordererPort(i)), grpc.WithTransportCredentials(tls))
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := orderer.NewAtomicBroadcastClient(conn).Broadcast(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(envelope); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return err
	}
	if answer.GetStatus() != common.Status_SUCCESS {
		return fmt.Errorf("orderer %d: %s: %s", i, answer.GetStatus(), answer.GetInfo())
	}
	return stream.CloseSend()
}

// batch changes how many transactions make a block.
func (n *network) batch(ctx context.Context, count int) error {
	s, err := newSigner(ordererMSP, n.ordererAdmin())
	if err != nil {
		return err
	}
	return n.change(ctx, s, []string{"Orderer"}, "BatchSize", func(old []byte) ([]byte, error) {
		var size orderer.BatchSize
		if err := proto.Unmarshal(old, &size); err != nil {
			return nil, err
		}
		if count < 1 || count > 1000 {
			return nil, fmt.Errorf("%d transactions in a block: 1 to 1000", count)
		}
		size.MaxMessageCount = uint32(count)
		return proto.Marshal(&size)
	})
}

// revoke puts a certificate on its organisation's revocation list in the channel.
func (n *network) revoke(ctx context.Context, o int, file string) error {
	raw, err := readPEM(file)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return err
	}
	ca, err := openAuthority(n.orgDir(o, "ca"))
	if err != nil {
		return err
	}
	if err := cert.CheckSignatureFrom(ca.cert); err != nil { // its number may be another's in that list
		return fmt.Errorf("%s is no certificate of %s: %w", file, mspOf(o), err)
	}
	now := time.Now()
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.AddDate(1, 0, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: cert.SerialNumber, RevocationTime: now}},
	}, ca.cert, ca.key)
	if err != nil {
		return err
	}
	who, err := n.identity(o, "admin")
	if err != nil {
		return err
	}
	s, err := newSigner(mspOf(o), who)
	if err != nil {
		return err
	}
	return n.change(ctx, s, []string{"Application", mspOf(o)}, "MSP", func(old []byte) ([]byte, error) {
		return addList(old, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list}))
	})
}

func addList(old, list []byte) ([]byte, error) {
	var outer msp.MSPConfig
	if err := proto.Unmarshal(old, &outer); err != nil {
		return nil, err
	}
	var inner msp.FabricMSPConfig
	if err := proto.Unmarshal(outer.GetConfig(), &inner); err != nil {
		return nil, err
	}
	inner.RevocationList = append(inner.RevocationList, list)
	var err error
	if outer.Config, err = proto.Marshal(&inner); err != nil {
		return nil, err
	}
	return proto.Marshal(&outer)
}

// saveConfiguration writes the channel's configuration as an organisation's peer has it.
func (n *network) saveConfiguration(ctx context.Context, o int, file string) error {
	config, err := n.configuration(ctx, o)
	if err != nil {
		return err
	}
	raw, err := proto.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
