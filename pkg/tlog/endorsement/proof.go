package endorsement

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// Schema is the schema_version of a proof.
const Schema = "mydata-anchor/1"

// The bounds of a proof. A record of 256 digests, read from five
// organisations, fits.
const (
	MaxProof = 1 << 20 // bytes of its JSON
	MaxReads = 8
)

// Read is one peer's signed answer to Get(origin, size), unsubmitted.
type Read struct {
	Proposal  []byte // peer.Proposal as hashed: header and payload, no transient data
	Response  []byte // peer.ProposalResponsePayload, the bytes that were signed
	Endorser  []byte // msp.SerializedIdentity
	Signature []byte // ASN.1 DER, S in the lower half
}

// Proof is the answers of several organisations' peers.
type Proof struct{ Reads []Read }

type proofJSON struct {
	Reads  []readJSON `json:"reads"`
	Schema string     `json:"schema_version"`
}

type readJSON struct {
	Endorser  base64url `json:"endorser"`
	Proposal  base64url `json:"proposal"`
	Response  base64url `json:"response"`
	Signature base64url `json:"signature"`
}

// base64url is bytes in unpadded base64url, in their one spelling.
type base64url []byte

func (b base64url) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

func (b *base64url) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	return err
}

// canonical is JSON without spaces or escapes that are not needed. Of values
// whose struct tags are sorted and whose text is printable ASCII it is RFC
// 8785's form.
func canonical(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// decode reads JSON in its canonical form alone: what it would write
// differently is an error, and with it unknown, repeated and misspelt members.
func decode(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.New("not JSON of this form")
	}
	again, err := canonical(into)
	if err != nil || !bytes.Equal(raw, again) {
		return errors.New("not in canonical form")
	}
	return nil
}

// ParseProof reads what Marshal writes, and nothing else. It checks no
// signature.
func ParseProof(raw []byte) (Proof, error) {
	if len(raw) > MaxProof {
		return Proof{}, refuse(CheckForm, MenderProver, "longer than %d bytes", MaxProof)
	}
	var j proofJSON
	if err := decode(raw, &j); err != nil {
		return Proof{}, refuse(CheckForm, MenderProver, "%v", err)
	}
	if j.Schema != Schema {
		return Proof{}, refuse(CheckForm, MenderProver, "schema_version is not %s", Schema)
	}
	var p Proof
	for _, r := range j.Reads {
		p.Reads = append(p.Reads, Read{Proposal: r.Proposal, Response: r.Response, Endorser: r.Endorser, Signature: r.Signature})
	}
	if err := p.checkForm(); err != nil {
		return Proof{}, err
	}
	return p, nil
}

func (p Proof) checkForm() error {
	if len(p.Reads) == 0 || len(p.Reads) > MaxReads {
		return refuse(CheckForm, MenderProver, "%d reads where 1 to %d belong", len(p.Reads), MaxReads)
	}
	for i, r := range p.Reads {
		if len(r.Proposal) == 0 || len(r.Response) == 0 || len(r.Endorser) == 0 || len(r.Signature) == 0 {
			e := refuse(CheckForm, MenderProver, "a part is missing")
			e.Read = i + 1
			return e
		}
	}
	return nil
}

// Marshal writes the proof in its canonical form.
func (p Proof) Marshal() []byte {
	room := len(`{"reads":[],"schema_version":""}`) + len(Schema)
	for _, r := range p.Reads {
		room += len(`{"endorser":"","proposal":"","response":"","signature":""},`)
		for _, part := range [][]byte{r.Endorser, r.Proposal, r.Response, r.Signature} {
			room += base64.RawURLEncoding.EncodedLen(len(part))
		}
	}
	out := append(make([]byte, 0, room), `{"reads":[`...)
	for i, r := range p.Reads {
		if i > 0 {
			out = append(out, ',')
		}
		out = base64.RawURLEncoding.AppendEncode(append(out, `{"endorser":"`...), r.Endorser)
		out = base64.RawURLEncoding.AppendEncode(append(out, `","proposal":"`...), r.Proposal)
		out = base64.RawURLEncoding.AppendEncode(append(out, `","response":"`...), r.Response)
		out = base64.RawURLEncoding.AppendEncode(append(out, `","signature":"`...), r.Signature)
		out = append(out, `"}`...)
	}
	return append(out, `],"schema_version":"`+Schema+`"}`...)
}

// MarshalJSON is Marshal, for a proof inside another document.
func (p Proof) MarshalJSON() ([]byte, error) { return p.Marshal(), nil }

// UnmarshalJSON is ParseProof.
func (p *Proof) UnmarshalJSON(raw []byte) (err error) {
	*p, err = ParseProof(raw)
	return err
}
