package consent_test

import (
	"bytes"
	"testing"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// What is accepted is written back byte for byte in canonical form, so nothing
// that was signed or digested is lost in reading.
func FuzzTerms(f *testing.F) {
	w := consenttest.New()
	r := w.Granted(f.Context(), ada, w.People.Enrol(ada))
	raw, err := r.Agreed.Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"grant_id":"a","grant_id":"b"}`))
	f.Add([]byte(`{"Grant_ID":"a"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		terms, err := consent.ParseTerms(raw)
		if err != nil {
			return
		}
		canonical, err := terms.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := consent.ParseTerms(canonical)
		if err != nil {
			t.Fatalf("its own writing is refused: %v", err)
		}
		second, err := again.Canonical()
		if err != nil || !bytes.Equal(canonical, second) {
			t.Fatalf("reading lost something: %v", err)
		}
		_, _ = consent.Notice(terms)
		_ = consent.Narrow(consent.RequestClaims{}, terms, w.Catalogue)
	})
}

// Nothing but the signed text opens, whatever it is bent into.
func fuzzJWS(f *testing.F, signed string, open func(string) error) {
	f.Add(signed)
	f.Add(signed + "A")
	f.Add(signed[:len(signed)-1])
	f.Add("a.b.c")
	f.Add("..")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		if err := open(compact); err == nil && compact != signed {
			t.Fatalf("another text opens: %q", compact)
		}
	})
}

func FuzzRequest(f *testing.F) {
	w := consenttest.New()
	w.People.Enrol(ada)
	fuzzJWS(f, w.Request(ada, nil).JWS, func(s string) error { _, err := consent.OpenRequest(s, w.Trust.AgencyRoots); return err })
}

func FuzzCommit(f *testing.F) {
	w := consenttest.New()
	jws := w.Commit(consent.Record{Grant: "g", Terms: consent.DigestOf("t")}, 1, nil)
	fuzzJWS(f, jws, func(s string) error { _, err := consent.OpenCommit(s, w.Trust.AgencyRoots); return err })
}

func FuzzReceived(f *testing.F) {
	w := consenttest.New()
	jws := w.Received(consent.Record{Grant: "g"}, 1, "commit", nil)
	fuzzJWS(f, jws, func(s string) error { _, err := consent.OpenReceived(s, w.Trust.AgencyRoots); return err })
}

func FuzzCancel(f *testing.F) {
	w := consenttest.New()
	fuzzJWS(f, cancellation(w, "g", nil), func(s string) error { _, err := consent.OpenCancel(s, w.Trust.AgencyRoots); return err })
}

func FuzzPromise(f *testing.F) {
	w := consenttest.New()
	r := w.Granted(f.Context(), ada, w.People.Enrol(ada))
	promise, err := w.Ledger.Use(f.Context(), w.Commit(r, 1, nil))
	if err != nil {
		f.Fatal(err)
	}
	fuzzJWS(f, promise, func(s string) error { _, err := consent.OpenPromise(s, w.Trust.HubKeys); return err })
}

func FuzzRecord(f *testing.F) {
	w := consenttest.New()
	r := w.Granted(f.Context(), ada, w.People.Enrol(ada))
	record, err := w.Ledger.Countersign(r, nil, "")
	if err != nil {
		f.Fatal(err)
	}
	fuzzJWS(f, record, func(s string) error { _, err := consent.OpenRecord(s, w.Trust.HubKeys); return err })
}
