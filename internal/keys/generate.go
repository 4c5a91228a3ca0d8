package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// Options say whose keys are made.
type Options struct {
	// Issuer is the hub's issuer URL, the URI name of its certificates.
	Issuer string
	// LogOrigin is the log's origin line: a name without spaces or plus signs.
	LogOrigin string
	// Verifier is the verifier's URL.
	Verifier string
	// Documents are agencies that issue documents of their own: a folder below the
	// data folder and the credential issuer's identifier. The folder gets
	// documents.pem and documents-chain.pem.
	Documents map[string]string
	// RS256: also make the key by which id_tokens of plain OpenID Connect clients are
	// signed. A hub without it signs all of them by ES256.
	RS256 bool
	// Prefix begins the names in certificates: SANDBOX, say.
	Prefix string
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Generate makes what is missing below dir and leaves alone what is there.
func Generate(dir string, o Options) error {
	if o.Issuer == "" || o.LogOrigin == "" {
		return errors.New("keys: the issuer and the log's origin must be named")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := generator{dir: dir, o: o}
	hub := g.authority(hubCA, hubCAKey, "MyData hub development CA")
	g.first(Record)
	g.first(Token)
	if o.RS256 {
		g.first(IDToken)
	}
	g.followed(hub, Issuer, "MyData hub issuer", o.Issuer)
	g.followed(hub, Status, "MyData hub status", o.Issuer)
	if o.Verifier != "" {
		g.certified(hub, "verifier/key.pem", "verifier/chain.pem", "MyData verifier", o.Verifier)
	}
	for folder, issuer := range o.Documents {
		if !filepath.IsLocal(folder) && g.err == nil {
			g.err = fmt.Errorf("keys: the folder %q of documents is not below the data folder", folder)
		}
		g.certified(hub, filepath.Join(folder, documentsKey), filepath.Join(folder, documentsChain), "documents of "+path.Base(filepath.ToSlash(folder)), issuer)
	}
	g.officers()
	g.key(vapidKey)
	g.log()
	g.secret()
	return g.err
}

// generator carries the first error through.
type generator struct {
	dir string
	o   Options
	err error
}

// needed says whether a file is to be made.
func (g *generator) needed(name string) bool {
	if g.err != nil {
		return false
	}
	gone, err := missing(filepath.Join(g.dir, name))
	g.err = err
	return gone && err == nil
}

func (g *generator) write(name string, data []byte, private bool) {
	if g.err != nil {
		return
	}
	mode := fs.FileMode(0o644)
	if private {
		mode = 0o600
	}
	g.err = write(filepath.Join(g.dir, name), data, mode)
}

// key makes a P-256 key, or reads the one there is.
func (g *generator) key(name string) crypto.Signer { return g.keyOf(name, p256) }

func (g *generator) keyOf(name string, k kind) crypto.Signer {
	if !g.needed(name) {
		if g.err != nil {
			return nil
		}
		signer, err := readSigner(filepath.Join(g.dir, name), k)
		g.err = err
		return signer
	}
	made, err := k.generate()
	if err != nil {
		g.err = err
		return nil
	}
	text, err := keyPEM(made)
	if err != nil {
		g.err = err
		return nil
	}
	g.write(name, text, true)
	return made
}

// officers makes two for a hub of development, where there is none: who is there, or
// was, is not joined by keys that lie on the hub's disk.
func (g *generator) officers() {
	if g.err != nil {
		return
	}
	now, err1 := keyFiles(g.dir, officersDir)
	former, err2 := keyFiles(g.dir, formerDir)
	if g.err = errors.Join(err1, err2); g.err != nil || len(now)+len(former) > 0 {
		return
	}
	for _, officer := range madeOfficers {
		g.key(officer)
	}
}

// first makes the first key of a purpose whose keys change by date; what is there may
// be the public half of one that is retired.
func (g *generator) first(p Purpose) {
	if name := firstKey(p); g.needed(name) {
		g.keyOf(name, kindOf(p))
	}
}

// followed makes the first key of a certified purpose, and the certificates of all.
func (g *generator) followed(ca *Authority, p Purpose, name, uri string) {
	g.first(p)
	for n := 1; g.err == nil; n++ {
		file, err := seriesFiles(g.dir, p, n)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		var public crypto.PublicKey
		if err == nil {
			public, err = readPublic(filepath.Join(g.dir, file.key), kindOf(p))
		}
		g.err = err
		g.certificate(ca, public, file.chain, name, uri, 0)
	}
}

// renewal is how long before its end keygen makes a certificate anew whose key does
// not change by date.
const renewal = 60 * 24 * time.Hour

// certified makes a key and its certificate under an authority.
func (g *generator) certified(ca *Authority, keyName, chainName, name, uri string) {
	if signer := g.key(keyName); g.err == nil {
		g.certificate(ca, signer.Public(), chainName, name, uri, renewal)
	}
}

// certificate makes a certificate. One that says another name, because the service has
// moved, or that ends within renewal, is made anew.
func (g *generator) certificate(ca *Authority, key crypto.PublicKey, chainName, name, uri string, renewal time.Duration) {
	if !g.needed(chainName) {
		if g.err != nil || g.stands(chainName, key, uri, renewal) {
			return
		}
		if g.err = os.Remove(filepath.Join(g.dir, chainName)); g.err != nil {
			return
		}
	}
	chain, err := ca.Issue(Certificate{Key: key, Name: strings.TrimSpace(g.o.Prefix + " " + name), URI: uri, Now: g.o.Now})
	if err != nil {
		g.err = fmt.Errorf("certificate %s: %w", chainName, err)
		return
	}
	g.write(chainName, chainPEM(chain...), false)
}

// stands tells whether a certificate has this URI as its name, and does not end soon.
func (g *generator) stands(chainName string, key crypto.PublicKey, uri string, renewal time.Duration) bool {
	chain, err := readChain(filepath.Join(g.dir, chainName), key)
	if err != nil {
		g.err = err
		return true
	}
	leaf, err := x509.ParseCertificate(chain[0])
	return err == nil && Names(chain, uri) && (renewal == 0 || leaf.NotAfter.After(g.o.Now().Add(renewal)))
}

// IssuerOf is the address that the issuer's certificate below dir is for; "" when there is
// none yet.
func IssuerOf(dir string) (string, error) {
	leaf, err := readCertificate(filepath.Join(dir, "keys/issuer-chain.pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil || len(leaf.URIs) == 0 {
		return "", err
	}
	return leaf.URIs[0].String(), nil
}

// Names tells whether the leaf of an x5c chain has this URI as its one URI name.
func Names(chain [][]byte, uri string) bool {
	if len(chain) == 0 {
		return false
	}
	leaf, err := x509.ParseCertificate(chain[0])
	return err == nil && len(leaf.URIs) == 1 && leaf.URIs[0].String() == uri
}

// authority makes a CA, or reads the one there is.
func (g *generator) authority(certName, keyName, name string) *Authority {
	name = strings.TrimSpace(g.o.Prefix + " " + name)
	signer := g.key(keyName)
	if g.needed(certName) {
		der, err := selfSigned(signer, name, g.o.Now())
		g.err = err
		if err == nil {
			g.write(certName, chainPEM(der), false)
		}
	}
	if g.err != nil {
		return nil
	}
	cert, err := readCertificate(filepath.Join(g.dir, certName))
	g.err = err
	return &Authority{Certificate: cert, Key: signer}
}

// log makes the log's Ed25519 key, and its verifier key (C2SP signed-note)
// beside it, which also holds the origin.
func (g *generator) log() {
	if g.needed(logKey) && g.needed(logPublic) { // a retired key that was destroyed stays so
		_, made, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			g.err = err
			return
		}
		text, err := keyPEM(made)
		if err != nil {
			g.err = err
			return
		}
		g.write(logKey, text, true)
	}
	if !g.needed(logPublic) {
		return
	}
	key, err := readEd25519(filepath.Join(g.dir, logKey))
	if err != nil {
		g.err = err
		return
	}
	vkey := tlog.LogKey(g.o.LogOrigin, key.Public().(ed25519.PublicKey)).String()
	if _, err := tlog.ParseKey(vkey); err != nil {
		g.err = fmt.Errorf("the log's origin is no name for a key: %w", err)
		return
	}
	g.write(logPublic, []byte(vkey+"\n"), false)
}

func (g *generator) secret() {
	if !g.needed(secretFile) {
		return
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	g.write(secretFile, []byte(base64.RawURLEncoding.EncodeToString(secret)+"\n"), true)
}

// host is a URL's host name, for a certificate's DNS name; "" for a URN.
func host(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
