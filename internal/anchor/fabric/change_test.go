package fabric_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/orderer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// revoke is a revocation list of the second organisation's CA.
func (n *fabricNetwork) revoke(t *testing.T, files ...string) []byte {
	t.Helper()
	folder := filepath.Join(n.Dir, "crypto/peerOrganizations/org2.test/ca")
	certs, err := filepath.Glob(filepath.Join(folder, "*-cert.pem"))
	ok(t, err)
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(24 * time.Hour)}
	for _, file := range files {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: certificate(t, file).SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, certificate(t, certs[0]), key(t, filepath.Join(folder, "priv_sk")))
	ok(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func (n *fabricNetwork) configBlock(t *testing.T) []byte {
	t.Helper()
	raw, err := n.channel(t, 0).GetContract("cscc").EvaluateWithContext(t.Context(), "GetConfigBlock", client.WithArguments("anchors"))
	ok(t, err)
	return raw
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	ok(t, err)
	return raw
}

// change has the second organisation's administrator put another revocation
// list into its part of the channel's configuration, and waits for a peer to
// have it.
func (n *fabricNetwork) change(t *testing.T, list []byte) {
	t.Helper()
	was, err := endorsement.ParseConfigBlock(n.configBlock(t))
	ok(t, err)
	var config common.Config
	ok(t, proto.Unmarshal(was.Config, &config))
	n.broadcast(t, n.update(t, &config, list))
	for range 100 {
		now, err := endorsement.ParseConfigBlock(n.configBlock(t))
		ok(t, err)
		if now.Sequence > was.Sequence {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the change does not come")
}

// update is a common.ConfigUpdate of the second organisation's MSP.
func (n *fabricNetwork) update(t *testing.T, config *common.Config, list []byte) *common.ConfigUpdate {
	t.Helper()
	root := config.GetChannelGroup()
	application := root.GetGroups()["Application"]
	for name, member := range application.GetGroups() {
		value := member.GetValues()["MSP"]
		var m msp.MSPConfig
		ok(t, proto.Unmarshal(value.GetValue(), &m))
		var f msp.FabricMSPConfig
		ok(t, proto.Unmarshal(m.GetConfig(), &f))
		if f.GetName() != n.Organisations[1].MSP {
			continue
		}
		f.RevocationList = [][]byte{list}
		m.Config = marshal(t, &f)
		down := func(member *common.ConfigGroup) *common.ConfigGroup {
			return &common.ConfigGroup{Version: root.GetVersion(), Groups: map[string]*common.ConfigGroup{
				"Application": {Version: application.GetVersion(), Groups: map[string]*common.ConfigGroup{name: member}},
			}}
		}
		return &common.ConfigUpdate{
			ChannelId: "anchors", ReadSet: down(&common.ConfigGroup{Version: member.GetVersion()}),
			WriteSet: down(&common.ConfigGroup{Version: member.GetVersion(), Values: map[string]*common.ConfigValue{
				"MSP": {Version: value.GetVersion() + 1, Value: marshal(t, &m), ModPolicy: value.GetModPolicy()},
			}}),
		}
	}
	t.Fatal("no such organisation")
	return nil
}

// broadcast signs an update as the second organisation's administrator, and
// sends it to the orderer.
func (n *fabricNetwork) broadcast(t *testing.T, update *common.ConfigUpdate) {
	t.Helper()
	who := n.Organisations[1]
	admin := endorsementtest.Identity{MSP: who.MSP, Certificate: certificate(t, who.Admin.Cert), Key: key(t, who.Admin.Key)}
	header := func() []byte {
		nonce := make([]byte, 24)
		rand.Read(nonce)
		return marshal(t, &common.SignatureHeader{Creator: admin.Serialized(), Nonce: nonce})
	}
	raw, over := marshal(t, update), header()
	data := marshal(t, &common.ConfigUpdateEnvelope{ConfigUpdate: raw, Signatures: []*common.ConfigSignature{
		{SignatureHeader: over, Signature: endorsementtest.Sign(admin.Key, endorsementtest.Message(over, raw), false)},
	}})
	channel := marshal(t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG_UPDATE), ChannelId: update.GetChannelId(), Timestamp: timestamppb.Now()})
	payload := marshal(t, &common.Payload{Header: &common.Header{ChannelHeader: channel, SignatureHeader: header()}, Data: data})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := orderer.NewAtomicBroadcastClient(n.dial(t, n.Orderers[0].Address, n.Orderers[0].TLSCA)).Broadcast(ctx)
	ok(t, err)
	ok(t, stream.Send(&common.Envelope{Payload: payload, Signature: endorsementtest.Sign(admin.Key, payload, false)}))
	answer, err := stream.Recv()
	ok(t, err)
	if answer.GetStatus() != common.Status_SUCCESS {
		t.Fatalf("%s %s", answer.GetStatus(), answer.GetInfo())
	}
}
