package credential

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/tlog"
)

// keyLog is a log of entries under one witnessed checkpoint.
type keyLog struct {
	policy  tlog.Policy
	log     tlog.Signer
	witness tlog.Signer
}

func newKeyLog(t testing.TB) *keyLog {
	t.Helper()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	var l keyLog
	var err1, err2, err3 error
	l.log, err1 = tlog.NewSigner("log.example", key(1))
	l.witness, err2 = tlog.NewCosigner("witness.example", key(2), time.Now)
	l.policy, err3 = tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: tlog.LogKey("log.example", key(1).Public().(ed25519.PublicKey))},
		[]tlog.Witness{{Name: "w", Key: tlog.WitnessKey("witness.example", key(2).Public().(ed25519.PublicKey))}}, 1))
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &l
}

// history proves one entry in a log of two.
func (l *keyLog) history(t testing.TB, entry []byte, witnessed bool) []byte {
	t.Helper()
	other := tlog.LeafHash([]byte("other"))
	var edge tlog.Edge
	edge.Append(tlog.LeafHash(entry), nil)
	edge.Append(other, nil)
	note, err := tlog.NewCheckpoint(l.log, 2, edge.Root())
	if err != nil {
		t.Fatal(err)
	}
	if witnessed {
		line, err := tlog.Cosign(l.witness, note)
		if err != nil {
			t.Fatal(err)
		}
		note = append(note, line...)
	}
	text, err := MarshalKeyHistory([]ProvenKey{{entry, string(tlog.Proof{Path: []tlog.Hash{other}, Checkpoint: note}.Marshal())}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestKeyHistory has a verifier that requires the issuer's keys on the log.
func TestKeyHistory(t *testing.T) {
	l := newKeyLog(t)
	for _, tt := range []struct {
		name   string
		change func(k *IssuerKey)
		uses   []string
		fails  string // the check that has to
	}{
		{"it takes keys that are on the log", func(*IssuerKey) {}, []string{"issuer", "status"}, ""},
		{"it refuses a certificate that is not", func(k *IssuerKey) { k.Certificate = CertificateDigest([]byte("other")) }, []string{"issuer", "status"}, CheckIssuerTrusted},
		{"it refuses a key that is not in force yet", func(k *IssuerKey) { k.From = testNow.Add(time.Hour).Unix() }, []string{"issuer", "status"}, CheckIssuerTrusted},
		{"it refuses a key for another use", func(*IssuerKey) {}, []string{"status"}, CheckIssuerTrusted},
		{"it refuses the status list of a key that is not for that", func(*IssuerKey) {}, []string{"issuer"}, CheckStatus},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.verifier.Policy.Keys = &KeyHistory{}
			for _, use := range tt.uses {
				k := IssuerKey{ID: "kid", Issuer: testIssuer, Use: use, Certificate: CertificateDigest(s.chain[0]), From: testNow.Unix()}
				tt.change(&k)
				entry, err := k.Entry()
				if err != nil {
					t.Fatal(err)
				}
				h, err := LoadKeyHistory(l.policy, l.history(t, entry, true))
				if err != nil {
					t.Fatal(err)
				}
				s.verifier.Policy.Keys.keys = append(s.verifier.Policy.Keys.keys, h.keys...)
			}
			result := s.verifier.Verify(t.Context(), s.present(t))
			last := result.Checks[len(result.Checks)-1]
			if result.OK() != (tt.fails == "") || tt.fails != "" && (last.Name != tt.fails || !strings.Contains(last.Detail, "not on the log")) {
				t.Errorf("%+v", result.Checks)
			}
		})
	}
}

func TestKeyHistoryRefuses(t *testing.T) {
	l := newKeyLog(t)
	good, err := IssuerKey{ID: "kid", Issuer: testIssuer, Use: "issuer", From: 1}.Entry()
	if err != nil {
		t.Fatal(err)
	}
	statement := func(kind string, body any) []byte {
		entry, err := tlog.Statement(kind, body)
		if err != nil {
			t.Fatal(err)
		}
		return entry
	}
	var bent keyHistoryFile
	if err := json.Unmarshal(l.history(t, good, true), &bent); err != nil {
		t.Fatal(err)
	}
	bent.Keys[0].Entry, _ = IssuerKey{ID: "kid", Issuer: testIssuer, Use: "status", From: 1}.Entry()
	forged, _ := json.Marshal(bent)
	for name, text := range map[string][]byte{
		"it refuses an entry that is not proven":       forged,
		"it refuses a checkpoint without witnesses":    l.history(t, good, false),
		"it refuses an entry of another kind":          l.history(t, statement("catalogue", 1), true),
		"it refuses a key's entry of another kind":     l.history(t, statement("catalogue", map[string]any{"id": "x", "issuer": "x", "use": "x", "from": 1}), true),
		"it refuses an entry that lacks a member":      l.history(t, statement(StatementIssuerKey, map[string]any{"id": "x"}), true),
		"it refuses an entry with a member of its own": l.history(t, statement(StatementIssuerKey, map[string]any{"id": "x", "issuer": "x", "use": "x", "from": 1, "y": 1}), true),
		"it refuses a commitment":                      l.history(t, tlog.Commitment("x", [32]byte{}, [32]byte{}), true),
		"it refuses an empty history":                  []byte(`{"keys":[],"schema_version":"mydata-issuer-keys/1"}`),
		"it refuses another version":                   bytes.Replace(l.history(t, good, true), []byte("keys/1"), []byte("keys/2"), 1),
		"it refuses a second value":                    append(l.history(t, good, true), '{'),
		"it refuses what is too long":                  append(bytes.Repeat([]byte(" "), maxKeyHistory), l.history(t, good, true)...),
	} {
		if _, err := LoadKeyHistory(l.policy, text); err == nil {
			t.Errorf("%s: it does not", name)
		}
	}
	if _, err := LoadKeyHistory(l.policy, l.history(t, good, true)); err != nil {
		t.Error(err)
	}
}

// FuzzKeyHistory: what is taken is proven, whatever was bent.
func FuzzKeyHistory(f *testing.F) {
	l := newKeyLog(f)
	good, err := IssuerKey{ID: "kid", Issuer: testIssuer, Use: "issuer", From: 1}.Entry()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(l.history(f, good, true))
	f.Add(l.history(f, good, false))
	f.Add([]byte(`{"keys":[{"entry":"","proof":""}],"schema_version":"mydata-issuer-keys/1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := LoadKeyHistory(l.policy, text)
		if err == nil {
			for _, k := range h.keys {
				if k.Use != "issuer" || k.From != 1 {
					t.Errorf("%+v", k)
				}
			}
		}
	})
}
