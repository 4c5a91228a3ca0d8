package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var some = Program{Prefix: "MYDATA_SOME_", Neighbours: []string{"OTHER"}, Help: "some serve --help"}

func TestSafe(t *testing.T) {
	type asked struct {
		Settings
		url, listen string
	}
	cert, key := certified(t)
	_, other := certified(t)
	for name, c := range map[string]struct {
		bend func(*asked)
		says string
	}{
		"it takes https":                             {func(*asked) {}, ""},
		"it takes a proxy's loop-back":               {func(a *asked) { a.TLSCert, a.TLSKey, a.listen = "", "", "127.0.0.1:80" }, ""},
		"it takes development on loop-back":          {func(a *asked) { a.Development, a.url, a.listen = true, "http://some.localhost:1", "[::1]:1" }, ""},
		"it refuses development in the open":         {func(a *asked) { a.Development, a.url = true, "http://localhost:1" }, "loop-back only"},
		"it refuses development under a name":        {func(a *asked) { a.Development, a.listen = true, "127.0.0.1:1" }, "loop-back only"},
		"it refuses plain http":                      {func(a *asked) { a.url = "http://some.example" }, "the url must be https"},
		"it refuses the open without a certificate":  {func(a *asked) { a.TLSCert, a.TLSKey = "", "" }, "give tls-cert"},
		"it refuses half a certificate":              {func(a *asked) { a.TLSKey = "" }, "go together"},
		"it refuses an address with a path":          {func(a *asked) { a.url = "https://some.example/x" }, "nothing more"},
		"it refuses an address with a query":         {func(a *asked) { a.url = "https://some.example?x" }, "nothing more"},
		"it refuses no address":                      {func(a *asked) { a.url = "" }, "nothing more"},
		"it refuses a listener without a port":       {func(a *asked) { a.listen = "0.0.0.0" }, "listen"},
		"it refuses a request that may take an hour": {func(a *asked) { a.RequestTime = time.Hour }, "request-time"},
		"it refuses a request that may take no time": {func(a *asked) { a.RequestTime = 0 }, "request-time"},
		"it refuses an address with a fragment":      {func(a *asked) { a.url = "https://some.example#x" }, "nothing more"},
		"it refuses an address with an empty query":  {func(a *asked) { a.url = "https://some.example?" }, "nothing more"},
		"it refuses an address with somebody's name": {func(a *asked) { a.url = "https://me@some.example" }, "nothing more"},
		"it refuses an address of another scheme":    {func(a *asked) { a.Development, a.url, a.listen = true, "ftp://localhost", "127.0.0.1:1" }, "nothing more"},
		"it refuses an address in capitals":          {func(a *asked) { a.url = "https://Some.example" }, "as browsers do"},
		"it refuses an address in another alphabet":  {func(a *asked) { a.url = "https://정부.example" }, "as browsers do"},
		"it refuses the port of https":               {func(a *asked) { a.url = "https://some.example:443" }, "as browsers do"},
		"it refuses the port of http":                {func(a *asked) { a.Development, a.url, a.listen = true, "http://localhost:80", "127.0.0.1:80" }, "as browsers do"},
		"it refuses no port":                         {func(a *asked) { a.url = "https://some.example:" }, "as browsers do"},
		"it refuses a rate that would be no limit":   {func(a *asked) { a.Rate = -1 }, "rate -1"},
		"it refuses a number of connections below 0": {func(a *asked) { a.Connections = -1 }, "connections -1"},
		"it refuses a factor that is none":           {func(a *asked) { a.TrustedFactor = 0 }, "trusted-factor 0"},
		"it refuses a certificate that is not there": {func(a *asked) { a.TLSCert += "x" }, "tls-cert"},
		"it refuses the key of another certificate":  {func(a *asked) { a.TLSKey = other }, "private key does not match"},
		"it refuses metrics in the open":             {func(a *asked) { a.Metrics = "0.0.0.0:9" }, "metrics"},
	} {
		t.Run(name, func(t *testing.T) {
			a := asked{Settings{TLSCert: cert, TLSKey: key, RequestTime: 10 * time.Second, TrustedFactor: 10}, "https://some.example", "0.0.0.0:443"}
			c.bend(&a)
			if err := a.Safe("url", a.url, a.listen); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// certified writes a certificate and its key.
func certified(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestKnown(t *testing.T) {
	type settings struct {
		Settings
		Own string `env:"OWN"`
	}
	for variable, known := range map[string]bool{
		"MYDATA_DATA": true, "MYDATA_SOME_OWN": true, "MYDATA_SOME_PORT": true, "MYDATA_SOME_RATE": true, "MYDATA_OTHER_X": true, "PATH": true,
		"MYDATA_SOME_OWM": false, "MYDATA_ELSE_X": false, "MYDATA_SOME_": false,
	} {
		err := some.known(reflect.TypeFor[settings](), []string{"HOME=/", variable + "=1"})
		if (err == nil) != known || err != nil && !strings.Contains(err.Error(), variable+" is not a setting of this service; see some serve --help") {
			t.Errorf("%s: %v", variable, err)
		}
	}
	for _, pair := range os.Environ() { // the test's own settings are none of the service's
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "MYDATA_") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("MYDATA_SOME_RATE", "7")
	if c, err := Parse[settings](some); err != nil || c.Rate != 7 || c.RequestTime != 10*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
	t.Setenv("MYDATA_SOME_RATE", "many")
	if _, err := Parse[settings](some); err == nil || !strings.Contains(err.Error(), "MYDATA_SOME_RATE: ") {
		t.Errorf("it takes any number, or says that of something else: %v", err)
	}
}

func TestListen(t *testing.T) {
	l, err := some.Listen("127.0.0.1:0", "listen")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := some.Listen(l.Addr().String(), "listen"); err == nil || !strings.Contains(err.Error(), "--listen or MYDATA_SOME_LISTEN") {
		t.Errorf("%v", err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Socket(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Socket(path); err == nil || !strings.Contains(err.Error(), "a service answers there already") {
		t.Errorf("it takes a living one's place: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Socket(path)
	if err != nil {
		t.Fatalf("it does not take a dead one's place: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// A path that is a slip, a key's say, costs the file nothing.
func TestSocketTakesNoFile(t *testing.T) {
	for name, at := range map[string]string{
		"it leaves a file":              "there is something else, which stays",
		"it leaves a folder":            "there is something else, which stays",
		"it leaves a link to a file":    "there is something else, which stays",
		"it says that a path is longer": "characters at most",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, path := filepath.Join(dir, "log.pem"), filepath.Join(dir, "path")
			if err := os.WriteFile(file, []byte("a key"), 0o600); err != nil {
				t.Fatal(err)
			}
			switch name {
			case "it leaves a file":
				path = file
			case "it leaves a folder":
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			case "it leaves a link to a file":
				if err := os.Symlink(file, path); err != nil {
					t.Fatal(err)
				}
			default:
				path = filepath.Join(dir, strings.Repeat("x", maxSocket))
			}
			l, err := Socket(path)
			if err == nil {
				l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), at) || !strings.Contains(err.Error(), "--socket") {
				t.Errorf("%v", err)
			}
			if _, err := os.Lstat(path); err != nil && name != "it says that a path is longer" {
				t.Error(err)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != "a key" {
				t.Errorf("the file is %q, %v", text, err)
			}
		})
	}
}
