package endorsement_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
	et "github.com/govmydata/mydata/pkg/tlog/endorsement/endorsementtest"
)

func TestParseProofRefuses(t *testing.T) {
	good := channel().Prove(record())
	text := string(good.Marshal())
	many := endorsement.Proof{Reads: slices.Repeat(good.Reads[:1], endorsement.MaxReads+1)}
	large := endorsement.Proof{Reads: []endorsement.Read{{
		Proposal: bytes.Repeat([]byte{1}, endorsement.MaxProof), Response: []byte{1}, Endorser: []byte{1}, Signature: []byte{1},
	}}}
	for name, raw := range map[string]string{
		"nothing":                      "",
		"another schema":               strings.Replace(text, "mydata-anchor/1", "mydata-anchor/2", 1),
		"no reads":                     `{"reads":[],"schema_version":"mydata-anchor/1"}`,
		"more reads than eight":        string(many.Marshal()),
		"more bytes than a mebibyte":   string(large.Marshal()),
		"a part that is missing":       strings.Replace(text, `"signature":"`, `"signature":"","x":"`, 1),
		"an empty part":                string(endorsement.Proof{Reads: []endorsement.Read{{}}}.Marshal()),
		"a space":                      text + " ",
		"an unknown member":            strings.Replace(text, `"schema_version"`, `"more":1,"schema_version"`, 1),
		"a member twice":               strings.Replace(text, `"schema_version"`, `"schema_version":"x","schema_version"`, 1),
		"a member in capitals":         strings.Replace(text, `"reads"`, `"Reads"`, 1),
		"members in another order":     `{"schema_version":"mydata-anchor/1",` + strings.TrimSuffix(text[1:], `,"schema_version":"mydata-anchor/1"}`) + "}",
		"padding":                      strings.Replace(text, `","proposal"`, `=","proposal"`, 1),
		"bits beyond the last byte":    `{"reads":[{"endorser":"AR","proposal":"AQ","response":"AQ","signature":"AQ"}],"schema_version":"mydata-anchor/1"}`,
		"a line break in the encoding": `{"reads":[{"endorser":"AQ\n","proposal":"AQ","response":"AQ","signature":"AQ"}],"schema_version":"mydata-anchor/1"}`,
	} {
		if _, err := endorsement.ParseProof([]byte(raw)); check(err) != endorsement.CheckForm {
			t.Errorf("it takes %s: %v", name, err)
		}
	}
}

func TestRecord(t *testing.T) {
	for name, bend := range map[string]func(r *endorsement.Record){
		"no origin":           func(r *endorsement.Record) { r.Origin = "" },
		"a long origin":       func(r *endorsement.Record) { r.Origin = strings.Repeat("a", endorsement.MaxOrigin+1) },
		"a space in it":       func(r *endorsement.Record) { r.Origin = "a b" },
		"a plus in it":        func(r *endorsement.Record) { r.Origin = "a+b" },
		"another script":      func(r *endorsement.Record) { r.Origin = "로그" },
		"no size":             func(r *endorsement.Record) { r.Size = 0 },
		"a size below":        func(r *endorsement.Record) { r.Size = -1 },
		"a size beyond":       func(r *endorsement.Record) { r.Size = endorsement.MaxSize + 1 },
		"no writer":           func(r *endorsement.Record) { r.Writer = "" },
		"an unknown kind":     func(r *endorsement.Record) { r.Digests[0].Kind = "person" },
		"a digest of nothing": func(r *endorsement.Record) { r.Digests[0].ID = "" },
		"a long name":         func(r *endorsement.Record) { r.Digests[0].ID = strings.Repeat("a", endorsement.MaxID+1) },
		"a digest twice":      func(r *endorsement.Record) { r.Digests = append(r.Digests, r.Digests[0]) },
		"digests out of order": func(r *endorsement.Record) {
			r.Digests = append(r.Digests, endorsement.Digest{Kind: "did", ID: "x"})
		},
		"more digests than 256": func(r *endorsement.Record) {
			r.Digests = nil
			for i := range endorsement.MaxDigests + 1 {
				r.Digests = append(r.Digests, endorsement.Digest{Kind: "did", ID: fmt.Sprintf("%04d", i)})
			}
		},
	} {
		r := record()
		bend(&r)
		if _, err := r.Marshal(); err == nil {
			t.Errorf("it writes %s", name)
		}
	}
	r := record()
	r.Digests = nil
	raw, err := r.Marshal()
	if err != nil || !strings.Contains(string(raw), `"digests":[]`) {
		t.Errorf("%v: %s", err, raw)
	}
	if _, err := endorsement.ParseRecord(raw); err != nil {
		t.Error(err)
	}
	if _, err := endorsement.ParseRecord([]byte(strings.Replace(string(raw), "[]", "null", 1))); err == nil {
		t.Error("it takes digests that are null")
	}
	if _, err := endorsement.ParseRecord([]byte(strings.Replace(string(raw), "4711", "4711.0", 1))); err == nil {
		t.Error("it takes another spelling of a number")
	}
}

// block is a common.Block of one configuration, or of more.
func block(kind uint64, config []byte, times int) []byte {
	at := et.Bytes(3, et.Varint(1, 1777777777))
	header := et.Bytes(1, et.Bytes(1, et.Message(et.Varint(1, kind), at, et.Bytes(4, []byte("anchors")))))
	payload := et.Message(header, et.Bytes(2, et.Bytes(1, config)))
	data := bytes.Repeat(et.Bytes(1, et.Bytes(1, payload)), times)
	return et.Message(et.Bytes(1, et.Varint(1, 5)), et.Bytes(2, data), et.Bytes(3, et.Bytes(1, et.Bytes(1, et.Bytes(1, et.Varint(1, 3))))))
}

func TestParseConfigBlock(t *testing.T) {
	config := channel().Config(3)
	b, err := endorsement.ParseConfigBlock(block(1, config, 1))
	if err != nil || b.Number != 5 || b.Channel != "anchors" || b.Sequence != 3 || !bytes.Equal(b.Config, config) || b.At.Unix() != 1777777777 ||
		!slices.Equal(b.Members, []string{"Org1MSP", "Org2MSP"}) {
		t.Errorf("%v: %+v", err, b)
	}
	if last, err := endorsement.LastConfig(block(1, config, 1)); err != nil || last != 3 {
		t.Errorf("%v: last configuration at %d", err, last)
	}
	for name, raw := range map[string][]byte{
		"nothing":                  nil,
		"a block of another kind":  block(3, config, 1),
		"two transactions":         block(1, config, 2),
		"an empty block":           block(1, config, 0),
		"an empty configuration":   block(1, nil, 1),
		"something after the last": append(block(1, config, 1), 0x22, 0),
	} {
		if _, err := endorsement.ParseConfigBlock(raw); check(err) != endorsement.CheckConfiguration {
			t.Errorf("it takes %s: %v", name, err)
		}
	}
}
