package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/govmydata/mydata/pkg/consent/transfer"
)

// An answer that came before a crash is taken whenever the agency is there again,
// though by then it was not signed just now.
func TestConsumerTakesAnAnswerOfBeforeACrash(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	var row sendRow
	for n := 0; row.Answer == nil; n++ {
		f = newFixture(t)
		state, query := f.granted("vision_ok", "hearing_ok")
		f.breakJournal(1, n, false)
		_, _ = f.consumer.Complete(ctx, state, query)
		f.restart()
		if grants, _ := f.consumer.Grants(ctx, f.need().Subject); len(grants) > 0 {
			row, _ = f.consumer.last(ctx, grants[0])
		}
	}
	if row.Done != nil {
		t.Fatal("it was received before the crash")
	}
	f.world.Pass(3 * time.Hour)
	r, err := f.consumer.Again(ctx, row.GrantID)
	if err != nil || r.Use != 1 || len(r.Claims) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = f.consumer.Again(ctx, row.GrantID); err != nil || r.Use != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// An answer that is not what was asked for is refused, and not kept: the right one
// can still come.
func TestConsumerKeepsNoAnswerThatItRefused(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	state, query := f.granted("vision_ok", "hearing_ok")
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		res := send()
		if r.URL.Host == "insurer.example" && r.Header.Get("Content-Type") == "application/json" {
			var answer transfer.ReleaseAnswer
			json.NewDecoder(res.Body).Decode(&answer)
			answer.Ciphertext = "AAAA"
			raw, _ := json.Marshal(answer)
			res.Body = io.NopCloser(bytes.NewReader(raw))
		}
		return res, nil
	}
	_, err := f.consumer.Complete(ctx, state, query)
	if Reason(err) != "refused" {
		t.Fatalf("Complete: %v", err)
	}
	grants, err := f.consumer.Grants(ctx, f.need().Subject)
	if err != nil || len(grants) != 1 {
		t.Fatal(grants, err)
	}
	f.route.fault = nil
	r, err := f.consumer.Again(ctx, grants[0])
	if err != nil || r.Use != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// A receipt is asked for by the last use that was received, however many were lost
// since; a hub that would answer for one that was not is not asked.
func TestConsumerReceiptAfterTwoLostAnswers(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	r := f.complete()
	for use := 2; use <= 3; use++ {
		lost := sendRow{GrantID: r.GrantID, Use: use, Key: "0123456789abcdef", At: f.world.Now()}
		if err := f.consumer.keep(ctx, "send", lost.id(), lost, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	f.route.fault = func(r *http.Request, send func() *http.Response) (*http.Response, error) {
		if r.URL.Path == "/agency/received" && r.ContentLength > 0 {
			asked++
		}
		return send(), nil
	}
	if _, err := f.consumer.Receipt(ctx, r.GrantID); err != nil || asked != 1 {
		t.Errorf("asked for %d times, %v", asked, err)
	}
}
