package tlog_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/govmydata/mydata/pkg/tlog"
)

func public(seed byte) ed25519.PublicKey { return key(seed).Public().(ed25519.PublicKey) }

func logVKey(seed byte) string { return tlog.LogKey("log.example", public(seed)).String() }

func witnessVKey(seed byte) string {
	return tlog.WitnessKey("witness.example/"+string(rune('a'+seed)), public(seed)).String()
}

// The example of C2SP tlog-policy, Example policy, with keys.
var twoLevels = strings.Join([]string{
	"log " + logVKey(1),
	"",
	"witness X1 " + witnessVKey(11),
	"witness X2 " + witnessVKey(12) + " https://witness.example/x2",
	"\twitness  X3\t" + witnessVKey(13) + " ",
	"group X-witnesses 2 X1 X2 X3",
	"# a comment, 주석",
	"witness Y1 " + witnessVKey(21),
	"witness Y2 " + witnessVKey(22),
	"witness Y3 " + witnessVKey(23),
	"group Y-witnesses any Y1 Y2 Y3",
	"group X-and-Y all X-witnesses Y-witnesses",
	"quorum X-and-Y", "",
}, "\n")

//clause:log signed-note, tlog-checkpoint, tlog-policy
//clause:log tlog-policy: k of n, at each door
func TestQuorum(t *testing.T) {
	p, err := tlog.ParsePolicy([]byte(twoLevels))
	if err != nil {
		t.Fatal(err)
	}
	if p.Witnesses[1].URL != "https://witness.example/x2" || len(p.Witnesses) != 6 || len(p.Logs) != 1 {
		t.Errorf("%+v", p)
	}
	for _, tt := range []struct {
		cosigned string
		want     bool
	}{
		{"X1 X2 Y1", true}, {"X2 X3 Y3", true}, {"X1 X2 X3 Y1 Y2 Y3", true},
		{"X1 X2", false}, {"X1 Y1 Y2 Y3", false}, {"Y1 Y2", false}, {"", false},
		{"X1 X1 Y1", false}, {"X-witnesses Y-witnesses", false}, {"X-and-Y", false},
	} {
		if got := p.Quorum(strings.Fields(tt.cosigned)); got != tt.want {
			t.Errorf("%q: %v", tt.cosigned, got)
		}
	}
	if (tlog.Policy{}).Quorum([]string{""}) || (tlog.Policy{}).Quorum([]string{"none"}) {
		t.Error("the zero policy is met")
	}
}

//clause:log signed-note, tlog-checkpoint, tlog-policy
func TestParsePolicyRefuses(t *testing.T) {
	log, w := "log "+logVKey(1)+"\n", "witness a "+witnessVKey(2)+"\n"
	for name, text := range map[string]string{
		"nothing":                         "",
		"no quorum":                       log + w,
		"two quorums":                     log + w + "quorum a\nquorum a\n",
		"a quorum not defined":            log + "quorum b\n",
		"a quorum defined below":          log + "quorum a\n" + w,
		"a last line without end":         log + "quorum none",
		"an unknown keyword":              log + "quorum none\nmore\n",
		"a log twice":                     log + log + "quorum none\n",
		"a log key under two names":       log + "log " + tlog.LogKey("other", public(1)).String() + "\nquorum none\n",
		"a witness key under two names":   w + "witness b " + tlog.WitnessKey("other", public(2)).String() + "\nquorum a\n",
		"a name twice":                    w + "witness a " + witnessVKey(3) + "\nquorum a\n",
		"a witness's key as a log":        "log " + witnessVKey(1) + "\nquorum none\n",
		"a log's key as a witness":        "witness a " + logVKey(2) + "\nquorum a\n",
		"a witness named none":            "witness none " + witnessVKey(2) + "\nquorum none\n",
		"a group without members":         w + "group g all\nquorum g\n",
		"a group of none":                 w + "group g any none\nquorum g\n",
		"a threshold of 0":                w + "group g 0 a\nquorum g\n",
		"a threshold above the members":   w + "group g 2 a\nquorum g\n",
		"a threshold with leading zeroes": w + "group g 01 a\nquorum g\n",
		"a member twice":                  w + "group g 2 a a\nquorum g\n",
		"a member of two groups":          w + "group g all a\ngroup h all g a\nquorum h\n",
		"a group within itself":           w + "group g all g\nquorum g\n",
		"a control in a comment":          "# \x1b[2K\n" + log + "quorum none\n",
		"a DEL in a comment":              "# \x7f\n" + log + "quorum none\n",
		"a carriage return":               log + "quorum none\r\n",
		"a key with a wrong id":           "log log.example+00000000+" + strings.Split(logVKey(1), "+")[2] + "\nquorum none\n",
		"a key that is short":             "log log.example+00000000+AQ==\nquorum none\n",
		"a witness without a key":         "witness a\nquorum a\n",
		"a log with too much":             "log " + logVKey(1) + " url more\nquorum none\n",
		"much too much":                   log + "quorum none\n" + strings.Repeat("#\n", tlog.MaxPolicy),
	} {
		if _, err := tlog.ParsePolicy([]byte(text)); err == nil {
			t.Errorf("it takes %s", name)
		}
	}
}

func TestKey(t *testing.T) {
	// The vector of golang.org/x/mod's note package.
	const vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	k, err := tlog.ParseKey(vkey)
	if err != nil || k.String() != vkey || k.IsWitness() || k.KeyHash() != 0xc74f20a3 {
		t.Errorf("%v, %v", k, err)
	}
	for _, bad := range []string{"", "a", "a+b+c", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", vkey + "=", vkey + "\n",
		strings.Replace(vkey, "+A", "+B", 1)} {
		if _, err := tlog.ParseKey(bad); err == nil {
			t.Errorf("it takes %q", bad)
		}
	}
	// A type that C2SP signed-note gives to another algorithm, with its right id.
	raw := append([]byte{0x02}, public(1)...)
	sum := sha256.Sum256(append([]byte("log.example\n"), raw...))
	if _, err := tlog.ParseKey(fmt.Sprintf("log.example+%x+%s", sum[:4], base64.StdEncoding.EncodeToString(raw))); err == nil {
		t.Error("it takes a key of another type")
	}
}

func TestNewSignerRefuses(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "log example", "log+example", "log\nexample", "log\x00", "\xff"} {
		if _, err := tlog.NewSigner(name, key(1)); err == nil {
			t.Errorf("it signs as %q", name)
		}
	}
	if _, err := tlog.NewSigner("log.example", other); err == nil {
		t.Error("it takes a key on P-256")
	}
}
