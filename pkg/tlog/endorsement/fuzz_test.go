package endorsement

import (
	"bytes"
	"os"
	"testing"
)

const network = "testdata/network/"

func file(f testing.TB, name string) []byte {
	f.Helper()
	raw, err := os.ReadFile(network + name)
	if err != nil {
		f.Fatal(err)
	}
	return raw
}

func proof(f testing.TB) Proof {
	f.Helper()
	p, err := ParseProof(file(f, "proof.json"))
	if err != nil {
		f.Fatal(err)
	}
	return p
}

func FuzzProof(f *testing.F) {
	f.Add(file(f, "proof.json"))
	f.Add([]byte(`{"reads":[],"schema_version":"mydata-anchor/1"}`))
	trust, err := LoadTrust(os.DirFS(network))
	if err != nil {
		f.Fatal(err)
	}
	good := file(f, "proof.json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ParseProof(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Marshal(), raw) {
			t.Fatal("two spellings of one proof")
		}
		if _, err := trust.Verify(p); err == nil && !bytes.Equal(raw, good) && len(p.Reads) != 2 {
			t.Fatal("another proof passes")
		}
	})
}

func FuzzProposal(f *testing.F) {
	f.Add(proof(f).Reads[0].Proposal)
	f.Add([]byte{10, 0, 18, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if q, err := parseProposal(raw); err == nil && (q.channel == "" || q.chaincode == "" || q.at.IsZero()) {
			t.Fatal("a question without channel, chaincode or time")
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add(proof(f).Reads[0].Response)
	f.Add([]byte{10, 0, 18, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, err := parseResponse(raw); err == nil && (len(a.hash) == 0 || a.chaincode == "") {
			t.Fatal("an answer to nothing, or of nobody")
		}
	})
}

func FuzzEndorser(f *testing.F) {
	f.Add(proof(f).Reads[0].Endorser)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := parseEndorser(raw); err == nil && (e.msp == "" || e.certificate == nil) {
			t.Fatal("nobody")
		}
	})
}

func FuzzRecord(f *testing.F) {
	a, err := parseResponse(proof(f).Reads[0].Response)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.payload)
	f.Add([]byte(`{"digests":[{"digest":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","id":"<a&b>","kind":"did"}],"origin":"a","root":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","size":9007199254740991,"writer":"Org1MSP"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRecord(raw)
		if err != nil {
			return
		}
		if again, err := r.Marshal(); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%v: two spellings of one record", err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add(file(f, "config-0.pb"))
	f.Add([]byte{18, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := parseConfig(raw); err == nil && len(c.members) == 0 {
			t.Fatal("a channel of nobody")
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add(file(f, ManifestFile))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseManifest(raw)
		if err != nil {
			return
		}
		if again, _, err := m.Seal(); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%v: two spellings of one manifest", err)
		}
	})
}

func FuzzConfigBlock(f *testing.F) {
	f.Add(file(f, "block.pb"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, err := ParseConfigBlock(raw); err == nil && (b.Channel == "" || len(b.Config) == 0 || b.At.IsZero()) {
			t.Fatal("a block of nothing")
		}
		_, _ = LastConfig(raw) // it may not panic
	})
}

// There is one spelling of a message.
func TestFields(t *testing.T) {
	for name, raw := range map[string][]byte{
		"a long tag":           {0x8a, 0x00, 1, 'a', 18, 1, 'b'},
		"a long length":        {10, 0x81, 0x00, 'a', 18, 1, 'b'},
		"fields out of order":  {18, 1, 'b', 10, 1, 'a'},
		"a field twice":        {10, 1, 'a', 10, 1, 'a', 18, 1, 'b'},
		"an unknown field":     {10, 1, 'a', 18, 1, 'b', 26, 1, 'c'},
		"another type":         {8, 1, 18, 1, 'b'},
		"a length beyond":      {10, 1, 'a', 18, 2, 'b'},
		"an endless number":    {10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"nothing":              {},
		"an empty field":       {10, 0, 18, 1, 'b'},
		"a number that is not": {10, 1, 'a', 18, 1, 'b', 24, 0},
		"a long number":        {10, 1, 'a', 18, 1, 'b', 24, 0x81, 0},
		"a group":              {10, 1, 'a', 18, 1, 'b', 27, 28},
	} {
		f := read(raw)
		f.need(1)
		f.need(2)
		f.varint(3)
		if f.end("message") == nil {
			t.Errorf("it takes %s", name)
		}
	}
	f := read([]byte{10, 1, 'a', 18, 0})
	f.need(1)
	f.may(2)
	if f.end("message") == nil {
		t.Error("it takes an empty field that may be absent")
	}
	f = read([]byte{10, 1, 'a', 18, 1, 'b', 24, 1})
	if f.need(1); string(f.need(2)) != "b" || f.varint(3) != 1 || f.end("message") != nil {
		t.Error("it refuses the one spelling", f.err)
	}
}

func TestCertificate(t *testing.T) {
	e := proof(t).Reads[0].Endorser
	f := read(e)
	f.need(1)
	pem := f.need(2)
	if _, err := certificate(pem); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"nothing":          nil,
		"two certificates": append(bytes.Clone(pem), pem...),
		"another word":     bytes.ReplaceAll(pem, []byte("CERTIFICATE"), []byte("PUBLIC KEY")),
		"no certificate":   []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		if _, err := certificate(raw); err == nil {
			t.Errorf("it takes %s", name)
		}
	}
}
