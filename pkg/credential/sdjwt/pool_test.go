package sdjwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// odd is a signer that keeps the digests that it is given, and may panic or fail.
type odd struct {
	*ecdsa.PrivateKey
	how  int
	kept [][]byte
}

func (o *odd) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	o.kept = append(o.kept, digest)
	switch o.how {
	case 1:
		panic("no")
	case 2:
		return nil, errors.New("no")
	case 3:
		return []byte{0x30, 4, 2, 9, 9, 9}, nil
	}
	for _, old := range o.kept[:len(o.kept)-1] {
		clear(old)
	}
	return o.PrivateKey.Sign(r, digest, opts)
}

// spiteful is a claim whose MarshalJSON panics, or issues another credential meanwhile.
type spiteful struct {
	key   Key
	panic bool
}

func (s spiteful) MarshalJSON() ([]byte, error) {
	if s.panic {
		panic("no")
	}
	inner, err := Issue(s.key, map[string]any{"vct": "inner", "of": Hidden{Value: strings.Repeat("inner", 40)}})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%q", inner[:7]), nil
}

// Nothing of one person's credential gets into another's, whatever signers and claims
// do in between.
func TestIssueKeepsPeopleApart(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			signer := &odd{PrivateKey: private}
			key := Key{Signer: signer, KeyID: fmt.Sprint(worker)}
			for n := range 300 {
				mark := fmt.Sprintf("person-%d-%d-", worker, n)
				var last any = spiteful{key: Key{Signer: private}, panic: n%5 == 0}
				if n%3 > 0 {
					last = mark
				}
				signer.how = n % 7
				claims := map[string]any{"vct": mark, "clear": strings.Repeat(mark, n%9), "a": Hidden{Value: map[string]any{
					"b": Hidden{Value: strings.Repeat(mark, n%40)}, "c": []any{Hidden{Value: mark}, mark}}}, "last": Hidden{Value: last}}
				token := issued(key, claims)
				if token == "" {
					continue
				}
				parsed, err := Parse(token)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := parsed.Verify(&private.PublicKey)
				if err != nil || got["vct"] != mark || got["clear"] != claims["clear"] {
					t.Errorf("%v: %v", err, got)
					return
				}
				a, _ := got["a"].(map[string]any)
				if text := fmt.Sprint(got, parsed.Header()); a["b"] != strings.Repeat(mark, n%40) || strings.Count(text, "person-") != strings.Count(text, mark) || strings.Contains(text, "innerinner") {
					t.Errorf("another's: %s", text)
				}
			}
		})
	}
	group.Wait()
}

func issued(key Key, claims map[string]any) (token string) {
	defer func() { _ = recover() }()
	token, _ = Issue(key, claims)
	return token
}
