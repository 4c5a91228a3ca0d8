package endorsement_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

func TestLoadTrustRefuses(t *testing.T) {
	seal := func(folder fstest.MapFS, m endorsement.Manifest) {
		raw, _, err := m.Seal()
		if err != nil {
			panic(err)
		}
		folder[endorsement.ManifestFile].Data = raw
	}
	manifest := func(bend func(m *endorsement.Manifest)) func(*et.Channel, fstest.MapFS) {
		return func(c *et.Channel, folder fstest.MapFS) {
			m := c.Manifest()
			bend(&m)
			seal(folder, m)
		}
	}
	config := func(raw []byte) func(*et.Channel, fstest.MapFS) {
		return func(c *et.Channel, folder fstest.MapFS) {
			c.Pins[0].Config = raw
			for name, file := range c.Folder() {
				folder[name] = file
			}
		}
	}
	for name, c := range map[string]struct {
		bend func(c *et.Channel, folder fstest.MapFS)
		want string
	}{
		"no fabric.json":            {func(_ *et.Channel, f fstest.MapFS) { delete(f, "fabric.json") }, endorsement.CheckTrust},
		"an empty one":              {func(_ *et.Channel, f fstest.MapFS) { f["fabric.json"].Data = nil }, endorsement.CheckTrust},
		"a missing configuration":   {func(_ *et.Channel, f fstest.MapFS) { delete(f, "config-0.pb") }, endorsement.CheckTrust},
		"a changed configuration":   {func(_ *et.Channel, f fstest.MapFS) { f["config-0.pb"].Data[9] ^= 1 }, endorsement.CheckFingerprint},
		"a changed quorum":          {func(_ *et.Channel, f fstest.MapFS) { replace(f, `"quorum":2`, `"quorum":1`) }, endorsement.CheckFingerprint},
		"a member nobody knows":     {func(_ *et.Channel, f fstest.MapFS) { replace(f, `"quorum"`, `"x":1,"quorum"`) }, endorsement.CheckTrust},
		"no channel":                {manifest(func(m *endorsement.Manifest) { m.Channel = "" }), endorsement.CheckTrust},
		"no chaincode":              {manifest(func(m *endorsement.Manifest) { m.Chaincode = "" }), endorsement.CheckTrust},
		"no organisation":           {manifest(func(m *endorsement.Manifest) { m.Organisations = nil }), endorsement.CheckTrust},
		"an organisation twice":     {manifest(func(m *endorsement.Manifest) { m.Organisations[1] = "Org1MSP" }), endorsement.CheckTrust},
		"an organisation of nobody": {manifest(func(m *endorsement.Manifest) { m.Organisations[1] = "Org9MSP" }), endorsement.CheckTrust},
		"no quorum":                 {manifest(func(m *endorsement.Manifest) { m.Quorum = 0 }), endorsement.CheckTrust},
		"a quorum beyond all":       {manifest(func(m *endorsement.Manifest) { m.Quorum = 3 }), endorsement.CheckTrust},
		"no configuration":          {manifest(func(m *endorsement.Manifest) { m.Configs = nil }), endorsement.CheckTrust},
		"a configuration twice":     {manifest(func(m *endorsement.Manifest) { m.Configs = append(m.Configs, m.Configs[0]) }), endorsement.CheckTrust},
		"a malformed time":          {manifest(func(m *endorsement.Manifest) { m.Configs[0].From = "yesterday" }), endorsement.CheckTrust},
		"a time of another zone":    {manifest(func(m *endorsement.Manifest) { m.Configs[0].From = "2026-05-04T03:02:01+09:00" }), endorsement.CheckTrust},
		"another sequence":          {config(channel().Config(7)), endorsement.CheckConfiguration},
		"an empty configuration":    {config(nil), endorsement.CheckConfiguration},
		"one without members":       {config((&et.Channel{}).Config(0)), endorsement.CheckConfiguration},
		"a configuration before an older one": {func(c *et.Channel, f fstest.MapFS) {
			c.Pin(c.Start.Add(-time.Hour))
			maps.Copy(f, c.Folder())
		}, endorsement.CheckTrust},
		"one MSP in two organisations": {func(c *et.Channel, f fstest.MapFS) {
			c.Members = append(c.Members, et.NewOrganisation("Org2MSP", start))
			c.Members[2].Name = "Third"
			config(c.Config(0))(&et.Channel{Name: c.Name, Chaincode: c.Chaincode, Members: c.Members[:2], Quorum: 2, Pins: c.Pins}, f)
		}, endorsement.CheckConfiguration},
		"one organisation twice": {func(c *et.Channel, f fstest.MapFS) {
			c.Members = append(c.Members, et.NewOrganisation("Org3MSP", start))
			c.Members[2].Name = "Org2MSP"
			config(c.Config(0))(&et.Channel{Name: c.Name, Chaincode: c.Chaincode, Members: c.Members[:2], Quorum: 2, Pins: c.Pins}, f)
		}, endorsement.CheckConfiguration},
		"an organisation without certificates": {func(c *et.Channel, f fstest.MapFS) {
			c.Members[1].Idemix = true
			config(c.Config(0))(c, f)
		}, endorsement.CheckTrust},
		"a unit that nobody of the organisation certifies": {func(c *et.Channel, f fstest.MapFS) {
			by := c.Members[0].Root.PEM()
			c.Members[1].Unit = func(name string) []byte { return et.Message(et.Bytes(1, by), et.Bytes(2, []byte(name))) }
			config(c.Config(0))(c, f)
		}, endorsement.CheckConfiguration},
		"a unit to be in that nobody certifies": {func(c *et.Channel, f fstest.MapFS) {
			c.Members[1].Units = []string{"ministry"}
			c.Members[1].Unit = func(name string) []byte { return et.Bytes(2, []byte(name)) }
			config(c.Config(0))(c, f)
		}, endorsement.CheckConfiguration},
		"other hashes": {func(c *et.Channel, f fstest.MapFS) {
			c.Members[0].Hashes = []string{"SHA3", "SHA256"}
			config(c.Config(0))(c, f)
		}, endorsement.CheckConfiguration},
	} {
		t.Run("it refuses "+name, func(t *testing.T) {
			ch := channel()
			folder := ch.Folder()
			folder["config-0.pb"].Data = bytes.Clone(folder["config-0.pb"].Data)
			c.bend(ch, folder)
			if _, err := endorsement.LoadTrust(folder); check(err) != c.want {
				t.Errorf("%s: %v", check(err), err)
			}
		})
	}
}

func replace(f fstest.MapFS, old, young string) {
	f["fabric.json"].Data = []byte(strings.Replace(string(f["fabric.json"].Data), old, young, 1))
}

func TestTrustSaysWhatItIs(t *testing.T) {
	c := channel()
	trust := c.Trust()
	if trust.Channel() != "anchors" || trust.Chaincode() != "anchor" || trust.Quorum() != 2 || len(trust.Organisations()) != 2 {
		t.Errorf("%+v", trust)
	}
	if trust.Fingerprint() == channel().Trust().Fingerprint() || trust.Fingerprint() != c.Trust().Fingerprint() {
		t.Error("the fingerprint is not of this folder")
	}
}
