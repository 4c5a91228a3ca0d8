package endorsement_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// The folder that a real network gave: see testdata/README.md.
const network = "testdata/network"

func real(t testing.TB) (*endorsement.Trust, []byte, endorsement.Proof) {
	t.Helper()
	trust, err := endorsement.LoadTrust(os.DirFS(network))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(network + "/proof.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := endorsement.ParseProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p.Marshal(), raw) {
		t.Fatal("it is written in another form than it was read")
	}
	return trust, raw, p
}

// What peers of a real network signed passes, before and after the channel's
// configuration changed and the chaincode was upgraded; and no longer once the
// channel revoked a peer.
func TestRealProof(t *testing.T) {
	trust, _, p := real(t)
	revoked, err := endorsement.LoadTrust(os.DirFS("testdata/revoked"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(network + "/proof-later.json")
	if err != nil {
		t.Fatal(err)
	}
	later, err := endorsement.ParseProof(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]endorsement.Proof{"the first": p, "a later one": later} {
		got, err := trust.Verify(p)
		if err != nil {
			t.Fatal(err)
		}
		if got.Origin == "" || got.Size < 1 || got.Root == (tlog.Hash{}) || len(got.Digests) == 0 || len(got.Organisations) != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := revoked.Verify(p); check(err) != endorsement.CheckRevoked {
			t.Errorf("%s, of a peer that was revoked: %v", name, err)
		}
	}
}

// Whatever byte of a real proof is changed, in its text or in the bytes that it
// carries, a check with a name refuses it.
func TestTamperWithAnyByte(t *testing.T) {
	trust, raw, good := real(t)
	p := endorsement.Proof{Reads: slices.Clone(good.Reads)}
	refused := func(where string, i int, p endorsement.Proof, err error) {
		if err == nil {
			// Reads come in any order; the changed one first is sooner refused.
			p.Reads = slices.Clone(p.Reads)
			if len(p.Reads) == 2 && same(p.Reads[0], good.Reads[0]) {
				slices.Reverse(p.Reads)
			}
			_, err = trust.Verify(p)
		}
		if err == nil {
			t.Errorf("%s: byte %d may change", where, i)
		} else if _, named := errors.AsType[*endorsement.Error](err); !named {
			t.Errorf("%s: byte %d: %v has no name", where, i, err)
		}
	}
	for i := range raw {
		if testing.Short() && i%7 != 0 {
			continue // the bytes below are all changed in any case
		}
		bent := bytes.Clone(raw)
		bent[i] ^= 1 << (i % 7)
		q, err := endorsement.ParseProof(bent)
		refused("text", i, q, err)
	}
	for n := range p.Reads {
		for name, part := range map[string]*[]byte{
			"proposal": &p.Reads[n].Proposal, "response": &p.Reads[n].Response,
			"endorser": &p.Reads[n].Endorser, "signature": &p.Reads[n].Signature,
		} {
			was := *part
			for i := range was {
				*part = bytes.Clone(was)
				(*part)[i] ^= 1 << (i % 8)
				refused(name, i, p, nil)
			}
			for _, bent := range [][]byte{was[:len(was)-1], append(bytes.Clone(was), 0), was[1:]} {
				*part = bent
				refused(name, -1, p, nil)
			}
			*part = was
		}
	}
	if _, err := trust.Verify(p); err != nil {
		t.Fatal(err)
	}
}

func same(a, b endorsement.Read) bool {
	return bytes.Equal(a.Proposal, b.Proposal) && bytes.Equal(a.Response, b.Response) &&
		bytes.Equal(a.Endorser, b.Endorser) && bytes.Equal(a.Signature, b.Signature)
}

// No byte of the folder makes a proof pass that should not.
func TestTamperWithTheFolder(t *testing.T) {
	c := channel()
	c.Members[1].Revoke(c.Members[1].Root, c.Members[1].Peer)
	c.Pin(start.Add(time.Hour))
	one := c.Prove(record())
	one.Reads = one.Reads[:1]
	bad := map[string]endorsement.Proof{"revoked": c.Prove(record()), "one organisation of two": one, "another channel's": channel().Prove(record())}
	good := c.Folder()
	trust := c.Trust()
	for name, p := range bad {
		if _, err := trust.Verify(p); err == nil {
			t.Fatalf("%s passes", name)
		}
	}
	for file := range good {
		for i := range good[file].Data {
			bent := fstest.MapFS{}
			for name, f := range good {
				bent[name] = f
			}
			raw := bytes.Clone(good[file].Data)
			raw[i] ^= 1 << (i % 8)
			bent[file] = &fstest.MapFile{Data: raw}
			trust, err := endorsement.LoadTrust(bent)
			if err != nil {
				continue
			}
			t.Errorf("%s: byte %d may change", file, i)
			for name, p := range bad {
				if _, err := trust.Verify(p); err == nil {
					t.Errorf("%s: byte %d: %s passes", file, i, name)
				}
			}
		}
	}
}

// BenchmarkVerify reports what a check of a proof costs as a multiple of the
// ECDSA verifications in it: two for each read, signature and certificate.
func BenchmarkVerify(b *testing.B) {
	trust, _, p := real(b)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	signature := et.Sign(key, nil, false)
	for b.Loop() {
		if _, err := trust.Verify(p); err != nil {
			b.Fatal(err)
		}
	}
	spent, began := b.Elapsed(), time.Now()
	for range b.N {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			b.Fatal("the floor fails")
		}
	}
	cost := float64(spent) / float64(time.Since(began))
	b.ReportMetric(cost, "ecdsa-verifications")
	b.ReportMetric(cost/float64(2*len(p.Reads)), "x-its-ecdsa")
}
