package fabric_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/govmydata/mydata/internal/anchor/fabric"
	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	"github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

const pinOrigin = "log.example/hub"

// TestPin follows a real channel through an upgrade of its chaincode and two
// changes of its configuration. With MYDATA_UPDATE=1 it also keeps what the
// peers signed as testdata of pkg/tlog/endorsement.
func TestPin(t *testing.T) {
	n := startNetwork(t)
	first := filepath.Join(t.TempDir(), "trust")
	pin := func(org int, dir string) fabric.Pinning {
		t.Helper()
		p, err := fabric.Pin(t.Context(), n.channel(t, org), dir, fabric.Policy{Chaincode: "anchor"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	began := pin(0, first)
	if len(began.Added) == 0 || began.Manifest.Quorum != 2 || !slices.Equal(began.Manifest.Organisations, []string{"Org1MSP", "Org2MSP"}) {
		t.Fatalf("%+v", began)
	}
	want := endorsement.Record{
		Origin: pinOrigin, Size: 4711, Root: tlog.Hash{1, 2, 3}, Writer: "Org1MSP",
		Digests: []endorsement.Digest{{Kind: "status-list", ID: "https://hub.example/status/1?a=<b>&c", Digest: tlog.Hash{4}}},
	}
	n.put(t, want)
	before := n.ask(t, want)
	n.passes(t, first, before, want)
	if again := pin(1, first); len(again.Added) != 0 || again.Fingerprint != began.Fingerprint {
		t.Errorf("nothing changed, yet: %+v", again)
	}

	n.run(t, "upgrade", "--dir", n.Dir)
	n.change(t, n.revoke(t, n.Organisations[1].User.Cert))
	if second := pin(0, first); len(second.Added) != 1 || second.Fingerprint == began.Fingerprint {
		t.Errorf("a change: %+v", second)
	}
	after := n.ask(t, want)
	n.passes(t, first, before, want)
	n.passes(t, first, after, want)
	n.keep(t, "network", first, map[string][]byte{"proof.json": before.Marshal(), "proof-later.json": after.Marshal(), "block.pb": n.configBlock(t)})

	// Two more changes that nobody pinned in between, the second against the peer.
	n.change(t, n.revoke(t))
	n.change(t, n.revoke(t, filepath.Join(filepath.Dir(filepath.Dir(n.Organisations[1].TLSCA)), "msp/signcerts/peer0.org2.test-cert.pem")))
	third := pin(0, first)
	if len(third.Added) != 2 {
		t.Errorf("two changes at once: %+v", third)
	}
	if all := pin(0, filepath.Join(t.TempDir(), "new")); all.Fingerprint != third.Fingerprint || len(all.Added) != len(all.Manifest.Configs) {
		t.Errorf("who begins now gets another folder: %+v, not %+v", all, third)
	}
	for _, p := range []endorsement.Proof{before, after} {
		var refused *endorsement.Error
		if _, err := load(t, first).Verify(p); !errors.As(err, &refused) || refused.Check != endorsement.CheckRevoked {
			t.Errorf("a revoked peer's word: %v", err)
		}
	}
	n.keep(t, "revoked", first, nil)
	t.Run("it refuses", func(t *testing.T) { refuses(t, n, first) })
}

func refuses(t *testing.T, n *fabricNetwork, good string) {
	fake := endorsementtest.New(time.Now(), "Org1MSP", "Org2MSP")
	other := fake.Folder()
	raw, err := os.ReadFile(filepath.Join(good, endorsement.ManifestFile))
	ok(t, err)
	m, err := endorsement.ParseManifest(raw)
	ok(t, err)
	ahead := func(dir string) { // a configuration that the peer has not seen
		ok(t, os.CopyFS(dir, os.DirFS(good)))
		n := uint64(len(m.Configs))
		fake.Pins = nil
		for range n + 1 {
			fake.Pin(time.Now())
		}
		more := fake.Manifest().Configs[n]
		m.Configs = append(m.Configs, more)
		sealed, _, err := m.Seal()
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(dir, more.File), fake.Pins[n].Config, 0o600))
		ok(t, os.WriteFile(filepath.Join(dir, endorsement.ManifestFile), sealed, 0o600))
	}
	for name, c := range map[string]struct {
		make func(dir string)
		want func(error) bool
	}{
		"another history":       {func(dir string) { ok(t, os.CopyFS(dir, other)) }, func(err error) bool { return errors.Is(err, fabric.ErrOtherHistory) }},
		"a peer that is behind": {ahead, func(err error) bool { return errors.Is(err, fabric.ErrBehind) }},
		"a changed folder": {func(dir string) {
			ok(t, os.CopyFS(dir, other))
			ok(t, os.WriteFile(filepath.Join(dir, "config-0.pb"), []byte("x"), 0o600))
		}, func(err error) bool {
			refused, ok := errors.AsType[*endorsement.Error](err)
			return ok && refused.Check == endorsement.CheckFingerprint
		}},
		"another channel's folder": {func(dir string) {
			fake := endorsementtest.New(time.Now(), "Org1MSP")
			fake.Name = "others"
			ok(t, os.CopyFS(dir, fake.Folder()))
		}, func(err error) bool { return err != nil }},
	} {
		dir := filepath.Join(t.TempDir(), "trust")
		c.make(dir)
		was := read(t, dir)
		_, err := fabric.Pin(t.Context(), n.channel(t, 0), dir, fabric.Policy{})
		if !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(was, read(t, dir)) {
			t.Errorf("%s: the folder changed", name)
		}
	}
	if _, err := fabric.Pin(t.Context(), n.channel(t, 0), filepath.Join(t.TempDir(), "x"), fabric.Policy{Chaincode: "anchor", Quorum: 3}); err == nil {
		t.Error("a quorum of three among two")
	}
}

// read is everything in a folder.
func read(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	ok(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(dir, path))
		all = append(append(all, path...), raw...)
		return err
	}))
	return all
}

func load(t *testing.T, dir string) *endorsement.Trust {
	t.Helper()
	trust, err := endorsement.LoadTrust(os.DirFS(dir))
	ok(t, err)
	return trust
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fabricNetwork is a network as fabric/network says it is.
type fabricNetwork struct {
	Dir           string
	Organisations []struct {
		MSP, Peer   string
		TLSCA       string `json:"tls_ca"`
		Admin, User struct{ Cert, Key string }
	}
	Orderers []struct {
		Address string
		TLSCA   string `json:"tls_ca"`
	}
	command string
}

func startNetwork(t *testing.T) *fabricNetwork {
	t.Helper()
	n := &fabricNetwork{Dir: filepath.Join(t.TempDir(), "net"), command: filepath.Join(t.TempDir(), "network")}
	if given := os.Getenv("MYDATA_FABRIC_NETWORK"); given != "" {
		n.command = given
	} else if out, err := exec.Command("go", "build", "-C", filepath.Join("..", "..", "..", "fabric", "network"), "-o", n.command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := n.Dir
	t.Cleanup(func() {
		if out, err := exec.Command(n.command, "down", "--dir", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	ok(t, json.Unmarshal(n.run(t, "up", "--dir", dir, "--origin", pinOrigin), n))
	return n
}

func (n *fabricNetwork) run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), n.command, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("network %v: %v: %s", args, err, said.Bytes())
	}
	return out
}

func (n *fabricNetwork) put(t *testing.T, r endorsement.Record) {
	t.Helper()
	raw, err := r.Marshal()
	ok(t, err)
	request := bytes.Replace(raw, []byte(`,"writer":"`+r.Writer+`"`), nil, 1)
	n.run(t, "invoke", "--dir", n.Dir, "--org", "1", "--as", "user", "Put", string(request))
}

func (n *fabricNetwork) dial(t *testing.T, address, ca string) *grpc.ClientConn {
	t.Helper()
	raw, err := os.ReadFile(ca)
	ok(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(raw)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "localhost")))
	ok(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (n *fabricNetwork) user(t *testing.T) (*identity.X509Identity, identity.Sign) {
	t.Helper()
	who := n.Organisations[0]
	id, err := identity.NewX509Identity(who.MSP, certificate(t, who.User.Cert))
	ok(t, err)
	sign, err := identity.NewPrivateKeySign(key(t, who.User.Key))
	ok(t, err)
	return id, sign
}

func certificate(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	raw, err := os.ReadFile(file)
	ok(t, err)
	c, err := identity.CertificateFromPEM(raw)
	ok(t, err)
	return c
}

func key(t *testing.T, file string) *ecdsa.PrivateKey {
	t.Helper()
	raw, err := os.ReadFile(file)
	ok(t, err)
	block, _ := pem.Decode(raw)
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	ok(t, err)
	return k.(*ecdsa.PrivateKey)
}

// channel is the channel as the first organisation's user sees it at a peer.
func (n *fabricNetwork) channel(t *testing.T, org int) *client.Network {
	t.Helper()
	id, sign := n.user(t)
	g, err := client.Connect(id, client.WithSign(sign), client.WithHash(hash.SHA256),
		client.WithClientConnection(n.dial(t, n.Organisations[org].Peer, n.Organisations[org].TLSCA)))
	ok(t, err)
	t.Cleanup(func() { g.Close() })
	return g.GetNetwork("anchors")
}

// ask has each organisation's peer answer, and submits nothing.
func (n *fabricNetwork) ask(t *testing.T, r endorsement.Record) endorsement.Proof {
	t.Helper()
	_, sign := n.user(t)
	var p endorsement.Proof
	for org, o := range n.Organisations {
		proposal, err := n.channel(t, org).GetContract("anchor").NewProposal("Get", client.WithArguments(r.Origin, "4711"))
		ok(t, err)
		raw, err := proposal.Bytes()
		ok(t, err)
		var proposed gateway.ProposedTransaction
		ok(t, proto.Unmarshal(raw, &proposed))
		signature, err := sign(proposal.Digest())
		ok(t, err)
		signed := &peer.SignedProposal{ProposalBytes: proposed.GetProposal().GetProposalBytes(), Signature: signature}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		answer, err := peer.NewEndorserClient(n.dial(t, o.Peer, o.TLSCA)).ProcessProposal(ctx, signed)
		cancel()
		ok(t, err)
		p.Reads = append(p.Reads, endorsement.Read{
			Proposal: signed.GetProposalBytes(), Response: answer.GetPayload(),
			Endorser: answer.GetEndorsement().GetEndorser(), Signature: answer.GetEndorsement().GetSignature(),
		})
	}
	return p
}

func (n *fabricNetwork) passes(t *testing.T, dir string, p endorsement.Proof, want endorsement.Record) {
	t.Helper()
	got, err := load(t, dir).Verify(p)
	if err != nil {
		t.Error(err)
	}
	if got.Origin != want.Origin || got.Size != want.Size || got.Root != want.Root || !slices.Equal(got.Digests, want.Digests) || len(got.Organisations) != 2 {
		t.Errorf("%+v", got)
	}
}

// keep writes testdata, when told to.
func (n *fabricNetwork) keep(t *testing.T, name, folder string, more map[string][]byte) {
	t.Helper()
	if os.Getenv("MYDATA_UPDATE") == "" {
		return
	}
	dir := filepath.Join("..", "..", "..", "pkg", "tlog", "endorsement", "testdata", name)
	ok(t, os.RemoveAll(dir))
	ok(t, os.CopyFS(dir, os.DirFS(folder)))
	for file, raw := range more {
		ok(t, os.WriteFile(filepath.Join(dir, file), raw, 0o600))
	}
}
