package endorsement_test

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

// What the configurations say of a member decides about its peer.
func TestMembers(t *testing.T) {
	later := start.Add(time.Hour)
	for name, c := range map[string]struct {
		bend func(c *et.Channel, second *et.Organisation)
		want string // the check that refuses; empty when it passes
	}{
		"it takes a peer below an intermediate CA": {func(c *et.Channel, o *et.Organisation) {
			o.Inner = []et.Identity{o.Issue(&o.Root, et.CA)}
			o.Peer = o.Issue(&o.Inner[0], nil)
		}, ""},
		"it refuses a peer of a root whose intermediate CA makes peers": {func(c *et.Channel, o *et.Organisation) {
			o.Inner = []et.Identity{o.Issue(&o.Root, et.CA)}
		}, endorsement.CheckChain},
		"it refuses a role that another CA of the organisation certifies": {func(c *et.Channel, o *et.Organisation) {
			a, b := o.Issue(&o.Root, et.CA), o.Issue(&o.Root, et.CA)
			o.Inner = []et.Identity{a, b}
			o.Peer = o.Issue(&a, nil)
			c.Pins[0].Config = c.Config(0)
			o.Peer = o.Issue(&b, nil)
		}, endorsement.CheckRole},
		"it refuses a peer of an intermediate CA that is not in the configuration": {func(c *et.Channel, o *et.Organisation) {
			by := o.Issue(&o.Root, et.CA)
			o.Peer = o.Issue(&by, nil)
		}, endorsement.CheckChain},
		"it refuses a CA that is in the unit of peers": {func(c *et.Channel, o *et.Organisation) {
			o.Peer = o.Issue(&o.Root, func(c *x509.Certificate) {
				et.CA(c)
				c.Subject.OrganizationalUnit = []string{"peer"}
			})
		}, endorsement.CheckChain},
		"it refuses peers without NodeOUs":       {func(c *et.Channel, o *et.Organisation) { o.Roles = nil }, endorsement.CheckRole},
		"it refuses peers with NodeOUs disabled": {func(c *et.Channel, o *et.Organisation) { o.Disabled = true }, endorsement.CheckRole},
		"it refuses who has two chains": {func(c *et.Channel, o *et.Organisation) {
			o.Roots = []et.Identity{renamed(o.Root, o.Root.Certificate.Subject.CommonName)}
		}, endorsement.CheckChain},
		"it takes another name of the role": {func(c *et.Channel, o *et.Organisation) {
			o.Roles[1] = "endorser"
			o.Peer = o.Issue(&o.Root, func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"peer", "endorser"} })
		}, ""},
		"it refuses a peer outside the organisation's units": {func(c *et.Channel, o *et.Organisation) { o.Units = []string{"ministry"} }, endorsement.CheckRole},
		"it takes a peer inside them": {func(c *et.Channel, o *et.Organisation) {
			o.Units = []string{"ministry", "office"}
			o.Peer = o.Issue(&o.Root, func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"peer", "ministry"} })
		}, ""},
		"it refuses what the configuration in force revokes": {func(c *et.Channel, o *et.Organisation) { o.Revoke(o.Root, o.Peer) }, endorsement.CheckRevoked},
		"it refuses what the CA revokes under a new key": {func(c *et.Channel, o *et.Organisation) {
			again := o.Issue(nil, func(c *x509.Certificate) { et.CA(c); c.Subject = o.Root.Certificate.Subject })
			o.Revoke(again, o.Peer)
		}, endorsement.CheckRevoked},
		"it refuses what the CA revokes under a new name": {func(c *et.Channel, o *et.Organisation) {
			o.Revoke(renamed(o.Root, "another name"), o.Peer)
		}, endorsement.CheckRevoked},
		"it takes who is not on the list": {func(c *et.Channel, o *et.Organisation) { o.Revoke(o.Root, o.Issue(&o.Root, nil)) }, ""},
		"it takes who has the serial number of another CA's revoked": {func(c *et.Channel, o *et.Organisation) {
			other := c.Members[0]
			twin := other.Issue(&other.Root, func(c *x509.Certificate) { c.SerialNumber = o.Peer.Certificate.SerialNumber })
			o.Revoke(other.Root, twin)
		}, ""},
		"it refuses what a later configuration revokes": {func(c *et.Channel, o *et.Organisation) {
			o.Revoke(o.Root, o.Peer)
			c.Pin(later)
		}, endorsement.CheckRevoked},
		"it refuses what an earlier configuration revoked, though the list is gone": {func(c *et.Channel, o *et.Organisation) {
			o.Revoke(o.Root, o.Peer)
			c.Pins[0].Config = c.Config(0)
			o.Revoked = nil
			c.Pins = append(c.Pins, et.Pin{At: start.Add(time.Second), Config: c.Config(1)})
		}, endorsement.CheckRevoked},
		"it takes a peer of before its organisation left": {func(c *et.Channel, o *et.Organisation) {
			c.Members = c.Members[:1]
			c.Pin(later)
			c.Members = append(c.Members, o)
		}, ""},
		"it refuses a peer of after its organisation left": {func(c *et.Channel, o *et.Organisation) {
			c.Members = c.Members[:1]
			c.Pin(start.Add(time.Second))
			c.Members = append(c.Members, o)
		}, endorsement.CheckOrganisation},
		"it refuses a peer of a CA that came later": {func(c *et.Channel, o *et.Organisation) {
			o.Root = o.Issue(nil, et.CA)
			o.Peer = o.Issue(&o.Root, nil)
			c.Pin(later)
		}, endorsement.CheckChain},
		"it takes a peer of a CA that was replaced later": {func(c *et.Channel, o *et.Organisation) {
			peer := o.Peer
			o.Root = o.Issue(nil, et.CA)
			c.Pin(later)
			o.Peer = peer
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ch := channel()
			pins := len(ch.Pins)
			before := string(ch.Pins[0].Config)
			c.bend(ch, ch.Members[1])
			if len(ch.Pins) == pins && string(ch.Pins[0].Config) == before {
				ch.Pins = nil
				ch.Pin(ch.Start)
			}
			_, err := ch.Trust().Verify(ch.Prove(record()))
			if c.want == "" && err != nil || c.want != "" && check(err) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

// renamed is a CA's key under another certificate of its own.
func renamed(ca et.Identity, name string) et.Identity {
	template := *ca.Certificate
	template.Subject.CommonName, template.Subject.Names, template.RawSubject = name, nil, nil
	template.SerialNumber = new(big.Int).Add(template.SerialNumber, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &ca.Key.PublicKey, ca.Key)
	if err != nil {
		panic(err)
	}
	if ca.Certificate, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	return ca
}

func TestQuorum(t *testing.T) {
	for name, c := range map[string]struct {
		quorum, reads int
		want          string
	}{
		"it takes all of three":       {3, 3, ""},
		"it takes two of three":       {2, 2, ""},
		"it takes more than asked":    {2, 3, ""},
		"it refuses one of two":       {2, 1, endorsement.CheckQuorum},
		"it refuses a proof of none":  {1, 0, endorsement.CheckForm},
		"it takes one where one does": {1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ch := et.New(start, "Org1MSP", "Org2MSP", "Org3MSP")
			ch.Quorum = c.quorum
			p := ch.Prove(record())
			p.Reads = p.Reads[:c.reads]
			got, err := ch.Trust().Verify(p)
			if c.want == "" && (err != nil || len(got.Organisations) != c.reads) || c.want != "" && check(err) != c.want {
				t.Errorf("%v %v", got, err)
			}
		})
	}
}

// A member of the channel that the folder does not list counts for nothing.
func TestUnlistedMember(t *testing.T) {
	c := channel()
	listed := c.Manifest()
	c.Members = append(c.Members, et.NewOrganisation("Org3MSP", start))
	c.Pins = nil
	c.Pin(start)
	folder := c.Folder()
	listed.Configs = c.Manifest().Configs
	raw, _, err := listed.Seal()
	if err != nil {
		t.Fatal(err)
	}
	folder[endorsement.ManifestFile].Data = raw
	trust, err := endorsement.LoadTrust(folder)
	if err != nil {
		t.Fatal(err)
	}
	p := c.Prove(record())
	p.Reads = p.Reads[1:]
	if _, err := trust.Verify(p); check(err) != endorsement.CheckOrganisation {
		t.Errorf("%v", err)
	}
}

func TestErrorNamesReadCauseAndMender(t *testing.T) {
	ch := channel()
	p := ch.Prove(record())
	p.Reads[1].Signature[8] ^= 1
	_, err := ch.Trust().Verify(p)
	refused, ok := errors.AsType[*endorsement.Error](err)
	if !ok || refused.Read != 2 || refused.Mender != endorsement.MenderProver {
		t.Fatalf("%#v", err)
	}
	if want := "anchor: read 2: endorser's signature: it is not over this answer"; err.Error() != want {
		t.Errorf("%s", err)
	}
}
