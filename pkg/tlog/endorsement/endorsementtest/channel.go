package endorsementtest

import (
	"crypto/sha256"
	"encoding/hex"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Channel is a channel with its chaincode and its members.
type Channel struct {
	Name, Chaincode string
	Members         []*Organisation
	Quorum          int
	Start           time.Time // of the first configuration
	Pins            []Pin     // the history of configurations
}

// Pin is a configuration as it was at a time.
type Pin struct {
	At     time.Time
	Config []byte
}

// New makes a channel whose first configuration has these organisations, all
// of which have to report.
func New(start time.Time, msps ...string) *Channel {
	c := &Channel{Name: "anchors", Chaincode: "anchor", Quorum: len(msps), Start: start.UTC().Truncate(time.Second)}
	for _, msp := range msps {
		c.Members = append(c.Members, NewOrganisation(msp, c.Start))
	}
	c.Pin(c.Start)
	return c
}

// Pin adds the members as they are now to the history.
func (c *Channel) Pin(at time.Time) {
	c.Pins = append(c.Pins, Pin{at.UTC(), c.Config(uint64(len(c.Pins)))})
}

// Config is the channel's configuration, as common.Config.
func (c *Channel) Config(sequence uint64) []byte {
	var application []byte
	for _, o := range c.Members {
		msp, name := Bytes(2, o.config()), o.MSP
		if o.Idemix {
			msp = Message(Varint(1, 1), msp)
		}
		if o.Name != "" {
			name = o.Name
		}
		value := Message(Bytes(2, msp), Bytes(3, []byte("Admins")))
		group := Message(Bytes(3, Message(Bytes(1, []byte("MSP")), Bytes(2, value))), Bytes(5, []byte("Admins")))
		application = append(application, Bytes(2, Message(Bytes(1, []byte(name)), Bytes(2, group)))...)
	}
	root := Bytes(2, Message(Bytes(1, []byte("Application")), Bytes(2, application)))
	return Message(Varint(1, sequence), Bytes(2, root))
}

// Manifest is fabric.json before it is sealed.
func (c *Channel) Manifest() endorsement.Manifest {
	m := endorsement.Manifest{Channel: c.Name, Chaincode: c.Chaincode, Quorum: c.Quorum}
	for _, o := range c.Members {
		m.Organisations = append(m.Organisations, o.MSP)
	}
	for i, pin := range c.Pins {
		sum := sha256.Sum256(pin.Config)
		m.Configs = append(m.Configs, endorsement.Pinned{
			File: endorsement.ConfigFile(uint64(i)), From: pin.At.Format(time.RFC3339), SHA256: hex.EncodeToString(sum[:]),
		})
	}
	return m
}

// Folder is the trust folder.
func (c *Channel) Folder() fstest.MapFS {
	raw, _, err := c.Manifest().Seal()
	must(err)
	folder := fstest.MapFS{endorsement.ManifestFile: {Data: raw}}
	for i, pin := range c.Pins {
		folder[endorsement.ConfigFile(uint64(i))] = &fstest.MapFile{Data: pin.Config}
	}
	return folder
}

// Trust is what the folder says.
func (c *Channel) Trust() *endorsement.Trust {
	t, err := endorsement.LoadTrust(c.Folder())
	must(err)
	return t
}

// Prove has a peer of each member report a record, some time after the start.
func (c *Channel) Prove(r endorsement.Record) endorsement.Proof {
	var p endorsement.Proof
	for _, o := range c.Members {
		p.Reads = append(p.Reads, c.Ask(o.Peer, c.Question(r), c.Answer(r)))
	}
	return p
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
