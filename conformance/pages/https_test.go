package pages_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// A deployment as it is outside of development: https, and officers who sign.
type deployment struct {
	t     *testing.T
	bin   string
	data  string
	roots *x509.CertPool
	hub   string
	serve []string // flags of a certificate for localhost
}

// TestHTTPS starts the programs with a certificate and without --development,
// and reads every cookie that they set.
func TestHTTPS(t *testing.T) {
	bin, err := stage.Programs(t.Context())
	must(t, err)
	d := &deployment{t: t, bin: bin, data: t.TempDir(), hub: "https://localhost:" + port(t)}
	d.certificate()
	d.prepare()
	d.start("idp", append([]string{"serve", "--data", d.data, "--issuer", d.hub, "--listen", listen(d.hub)}, d.serve...)...)
	c := d.browser()
	await(t, c, d.hub+"/readyz")
	must(t, d.run("trust", "export", filepath.Join(d.data, "trust"), "--data", d.data))

	t.Run("it binds every cookie of the hub to https and its host", func(t *testing.T) {
		jar := &jar{}
		c.Seen = jar.see
		must(t, c.Enrol(t.Context(), d.code("resident-01")))
		must(t, c.Login(t.Context()))
		get(t, c, d.hub+"/?lang=en")
		must(t, c.Logout(t.Context()))
		must(t, c.Login(t.Context()))
		get(t, c, d.authorization())
		jar.check(t, "idp_session", "idp_browser", "idp_code", "idp_lang", "idp_authorization")
	})
	t.Run("it takes no cookie that http could have set", func(t *testing.T) {
		for _, each := range c.Cookies(d.hub) {
			name := strings.TrimPrefix(each.Name, "__Host-")
			if p := get(t, d.browser(), d.hub+"/me", "Cookie", name+"="+each.Value); p.Status == http.StatusOK {
				t.Errorf("it takes %s", name)
			}
		}
	})
	t.Run("it binds the verifier's", d.testVerifier)
	for program, office := range map[string]string{"licence": "driving-licence", "insurer": "health-insurance"} {
		t.Run("it binds those of the "+program, func(t *testing.T) { d.testAgency(t, program, office) })
	}
}

// jar remembers the cookies that were set, by name.
type jar struct{ all []*http.Cookie }

func (j *jar) see(_ string, p citizen.Page) {
	j.all = append(j.all, (&http.Response{Header: p.Header}).Cookies()...)
}

func (j *jar) check(t *testing.T, names ...string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range j.all {
		name, bound := strings.CutPrefix(c.Name, "__Host-mydata_")
		seen[name] = true
		if !bound || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie is %s", c.Raw)
		}
	}
	for _, name := range names {
		if !seen[name] {
			t.Errorf("no cookie %s was set: %v", name, seen)
		}
		delete(seen, name)
	}
	if len(seen) > 0 {
		t.Errorf("cookies that nobody expected: %v", seen)
	}
}

func (d *deployment) testVerifier(t *testing.T) {
	address := "https://localhost:" + port(t)
	must(t, d.run("keygen", "--data", d.data, "--issuer", d.hub, "--verifier-url", address))
	d.start("verifier", append([]string{"serve", "--data", d.data, "--url", address, "--hub", d.hub, "--listen", listen(address)}, d.serve...)...)
	c, jar := d.browser(), &jar{}
	await(t, c, address+"/readyz")
	c.Seen = jar.see
	_, err := c.BeginProof(t.Context(), address)
	must(t, err)
	get(t, c, address+"/?lang=ko")
	jar.check(t, "verifier_session", "verifier_lang")
}

// testAgency: an agency's site stands behind a proxy that ends TLS.
func (d *deployment) testAgency(t *testing.T, program, office string) {
	inside := port(t)
	d.start(program, "--url", "https://"+program+".example", "--listen", "127.0.0.1:"+inside, "--hub", d.hub,
		"--identity", d.office(t, office), "--trust", filepath.Join(d.data, "trust"), "--data", filepath.Join(d.data, program))
	c, jar := citizen.New(d.hub, "somebody"), &jar{}
	await(t, c, "http://127.0.0.1:"+inside+"/healthz")
	c.Seen = jar.see
	p := get(t, c, "http://127.0.0.1:"+inside+"/?lang=en")
	if p.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	names := []string{program + "_lang"}
	if program == "licence" { // it has sessions
		as(t, c, http.MethodPost, "http://127.0.0.1:"+inside+"/logout", formType, "", "Sec-Fetch-Site", "same-origin")
		names = append(names, program)
	}
	jar.check(t, names...)
}

func port(t *testing.T) string {
	number, err := stage.Port()
	must(t, err)
	return strconv.Itoa(number)
}

func listen(address string) string {
	return "127.0.0.1:" + address[strings.LastIndexByte(address, ':')+1:]
}

func await(t *testing.T, c *citizen.Citizen, address string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if p, err := c.Do(t.Context(), http.MethodGet, address, "", nil); err == nil && p.Status == http.StatusOK {
			if strings.HasPrefix(address, "https") && p.Header.Get("Strict-Transport-Security") == "" {
				t.Error("no Strict-Transport-Security")
			}
			return
		}
	}
	t.Fatalf("%s is not ready", address)
}

func (d *deployment) browser() *citizen.Citizen {
	c := citizen.New(d.hub, "resident-01")
	c.Trust(d.roots)
	return c
}

// certificate makes one for localhost, which signs itself.
func (d *deployment) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(d.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(d.t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(d.t, err)
	d.roots = x509.NewCertPool()
	d.roots.AppendCertsFromPEM(d.write("tls.pem", "CERTIFICATE", der))
	d.write("tls.key.pem", "PRIVATE KEY", pkcs8)
	d.serve = []string{"--tls-cert", filepath.Join(d.data, "tls.pem"), "--tls-key", filepath.Join(d.data, "tls.key.pem")}
}

func (d *deployment) write(name, kind string, der []byte) []byte {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	must(d.t, os.WriteFile(filepath.Join(d.data, name), text, 0o600))
	return text
}

// prepare makes keys, tables, register, policy and a government's CA.
func (d *deployment) prepare() {
	must(d.t, d.run("keygen", "--data", d.data, "--issuer", d.hub))
	must(d.t, d.run("migrate", "--data", d.data))
	root, err := stage.Root()
	must(d.t, err)
	register, err := os.ReadFile(filepath.Join(root, "examples", "story", "residents.csv"))
	must(d.t, err)
	must(d.t, os.WriteFile(filepath.Join(d.data, "residents.csv"), register, 0o600))
	log, err := os.ReadFile(filepath.Join(d.data, "keys", "log.vkey"))
	must(d.t, err)
	must(d.t, os.WriteFile(filepath.Join(d.data, "log-policy.txt"), []byte("log "+strings.TrimSpace(string(log))+"\nquorum none\n"), 0o600))
	must(d.t, os.MkdirAll(filepath.Join(d.data, "agencies"), 0o700))
	ca, err := os.ReadFile(filepath.Join(d.data, "hub-ca.pem"))
	must(d.t, err)
	must(d.t, os.WriteFile(filepath.Join(d.data, "agencies", "ca.pem"), ca, 0o600))
}

// office is the folder of an agency that the CA certified.
func (d *deployment) office(t *testing.T, name string) string {
	folder := filepath.Join("agencies", name)
	must(t, os.MkdirAll(filepath.Join(d.data, folder), 0o700))
	ca, err := x509.ParseCertificate(readPEM(t, filepath.Join(d.data, "hub-ca.pem"))[0])
	must(t, err)
	for _, file := range []string{"key.pem", "encryption.pem"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		d.write(filepath.Join(folder, file), "PRIVATE KEY", pkcs8)
		if file != "key.pem" {
			continue
		}
		uri, err := url.Parse("urn:mydata:agency:" + name)
		must(t, err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, URIs: []*url.URL{uri},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, &key.PublicKey, readKey(t, filepath.Join(d.data, "keys", "hub-ca.key.pem")))
		must(t, err)
		d.write(filepath.Join(folder, "chain.pem"), "CERTIFICATE", der)
	}
	return filepath.Join(d.data, folder)
}

func (d *deployment) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(d.bin, program), args...)
	cmd.Dir = d.data
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "MYDATA_") { // ours, not the program's
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+filepath.Join(d.data, "tls.pem"))
	return cmd
}

func (d *deployment) run(args ...string) error {
	out, err := d.command("idp", args...).CombinedOutput()
	if err != nil {
		d.t.Logf("idp %v: %s", args, out)
	}
	return err
}

// start runs a program until the test ends.
func (d *deployment) start(program string, args ...string) {
	cmd, log := d.command(program, args...), &strings.Builder{}
	cmd.Stdout, cmd.Stderr = log, log
	must(d.t, cmd.Start())
	d.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended by itself
		ended, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		defer context.AfterFunc(ended, func() { _ = cmd.Process.Kill() })()
		if err := cmd.Wait(); err != nil || d.t.Failed() {
			d.t.Logf("%s: %v\n%s", program, err, log)
		}
	})
}

// code has two officers order an enrolment, as internal/account reads orders.
func (d *deployment) code(resident string) string {
	const code = "ABCDEFGHJKMN"
	salt := sha256.Sum256([]byte(rand.Text()))
	mac := hmac.New(sha256.New, salt[:])
	mac.Write(binary.BigEndian.AppendUint64([]byte("mydata/order-subject/v1\x00"), uint64(len(resident))))
	mac.Write([]byte(resident))
	now := time.Now()
	order := approval.Order{
		Subject: base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), Code: approval.CodeHash(code),
		IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix(),
	}
	signed := map[string]any{"resident": resident, "salt": approval.Bytes(salt[:])}
	var orders []string
	for _, officer := range []string{"1.pem", "2.pem"} {
		jws, err := approval.SignOrder(order, readKey(d.t, filepath.Join(d.data, "officers", officer)))
		must(d.t, err)
		orders = append(orders, jws)
	}
	signed["orders"] = orders
	must(d.t, d.run("enrol", "--data", d.data, "--order", d.json("order.json", signed)))
	return code
}

func (d *deployment) json(name string, v any) string {
	body, err := json.Marshal(v)
	must(d.t, err)
	path := filepath.Join(d.data, name)
	must(d.t, os.WriteFile(path, body, 0o600))
	return path
}

// authorization begins a request of a registered client.
func (d *deployment) authorization() string {
	callback := "https://portal.example/callback"
	must(d.t, d.run("client", "add", "--data", d.data, "--metadata", d.json("client.json", map[string]any{
		"client_id": "portal", "redirect_uris": []string{callback}, "scope": "openid", "grant_types": []string{"authorization_code"},
	})))
	return d.hub + "/authorize?" + url.Values{
		"client_id": {"portal"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"}, "nonce": {"n"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"},
	}.Encode()
}
