package receipt

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/tlog"
)

// fill gives a value something of its own in every field that it can have: n
// elements in each list.
func fill(v reflect.Value, n int, next *int) {
	*next++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*next), 0).UTC()))
	case v.Type() == reflect.TypeFor[*jose.JSONWebKey]():
		v.Set(reflect.ValueOf(&jose.JSONWebKey{Key: []byte{byte(*next)}, KeyID: fmt.Sprint(*next)}))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, next)
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("<%d>\n\"é\"\u2028", *next))
	case v.CanInt():
		v.SetInt(int64(*next))
	case v.CanUint():
		v.SetUint(uint64(*next % 200))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Type() == reflect.TypeFor[[]byte]() && v.Type().Name() == "RawMessage", v.Type().String() == "json.RawMessage":
		v.SetBytes([]byte(fmt.Sprintf(`{"b":%d,"a":1}`, *next)))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		fallthrough
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n, next)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n, next)
			}
		}
	default:
		panic("a field of type " + v.Type().String())
	}
}

// TestDigestFromForms: the digest that Verify makes from the forms it has is
// Receipt.Digest, with every field of a receipt in it, and with none.
func TestDigestFromForms(t *testing.T) {
	for n := range 4 {
		var r Receipt
		if n > 0 {
			next := 0
			fill(reflect.ValueOf(&r).Elem(), n-1, &next)
		}
		want, err := r.Digest()
		if err != nil {
			t.Fatal(err)
		}
		v := &verification{receipt: r}
		v.write()
		if got, err := v.digest(); err != nil || got != want {
			t.Errorf("%d elements in each list: %s (%v) instead of %s", n-1, got, err, want)
		}
		if sum, err := r.Terms.Digest(); err != nil || v.terms.sum != sum {
			t.Errorf("terms: %v", err)
		}
		for i, e := range r.Events {
			if sum, err := e.Event.Digest(); err != nil || v.eventForms[i].sum != sum {
				t.Errorf("event %d: %v", i, err)
			}
		}
		if r.Approval == nil {
			continue
		}
		for i, k := range r.Approval.History {
			if sum, err := k.Event.Digest(); err != nil || v.keyForms[i].sum != sum {
				t.Errorf("passkey event %d: %v", i, err)
			}
		}
	}
}

// TestVerifierForgets: under a policy without witnesses a checkpoint is checked
// each time, since a key's end may come by the clock.
func TestVerifierForgets(t *testing.T) {
	for quorum, want := range map[string]int{"none": 0, "one": 1} {
		checkpoint, policy := cosigned(t, quorum)
		v := NewVerifier(consent.Trust{Log: policy})
		for range 2 {
			if _, err := v.open(checkpoint); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(v.checkpoints.known); got != want {
			t.Errorf("quorum %s: %d are remembered", quorum, got)
		}
	}
}

// cosigned is an empty log's checkpoint, and the policy by which one of its
// witness is enough, or none needed.
func cosigned(t *testing.T, quorum string) ([]byte, tlog.Policy) {
	t.Helper()
	key := func() (ed25519.PublicKey, ed25519.PrivateKey) {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		return public, private
	}
	logKey, logPrivate := key()
	witnessKey, witnessPrivate := key()
	signer, err := tlog.NewSigner("log.example/x", logPrivate)
	must(t, err)
	cosigner, err := tlog.NewCosigner("witness.one", witnessPrivate, time.Now)
	must(t, err)
	checkpoint, err := tlog.NewCheckpoint(signer, 0, tlog.EmptyRoot)
	must(t, err)
	line, err := tlog.Cosign(cosigner, checkpoint)
	must(t, err)
	checkpoint, err = tlog.Merge(checkpoint, line)
	must(t, err)
	policy, err := tlog.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nquorum %s\n",
		tlog.LogKey("log.example/x", logKey), tlog.WitnessKey("witness.one", witnessKey), quorum))
	must(t, err)
	return checkpoint, policy
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
