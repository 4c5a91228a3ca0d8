package keys

import (
	"crypto"
	"time"
)

// The files of a sandbox's own CA for agencies.
const (
	sandboxCA    = "agencies/ca.pem"
	sandboxCAKey = "keys/sandbox-agency-ca.key.pem"
)

// SandboxCA opens a sandbox's CA for agencies, and makes it where it is missing.
// Its name says what it is worth.
func SandboxCA(dir string) (*Authority, error) {
	g := generator{dir: dir, o: Options{Prefix: "SANDBOX", Now: time.Now}}
	ca := g.authority(sandboxCA, sandboxCAKey, "agency CA, trusted by nobody else")
	return ca, g.err
}

// The files by which an agency signs documents of its own, as sdk.LoadDocumentKeys
// reads them.
const (
	documentsKey   = "documents.pem"
	documentsChain = "documents-chain.pem"
)

// DocumentKey opens an agency's key for documents, and makes it where it is missing.
func DocumentKey(dir string) (crypto.Signer, error) {
	g := generator{dir: dir, o: Options{Now: time.Now}}
	return g.key(documentsKey), g.err
}

// Agency is the private half of an agency's identity.
type Agency struct {
	Signer     crypto.Signer // of its certificate
	Encryption crypto.Signer // to which the hub encrypts
}

// AgencyKeys opens key.pem and encryption.pem, and makes what is missing.
func AgencyKeys(dir string) (Agency, error) {
	g := generator{dir: dir, o: Options{Now: time.Now}}
	a := Agency{Signer: g.key("key.pem"), Encryption: g.key("encryption.pem")}
	return a, g.err
}
