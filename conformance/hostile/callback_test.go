package hostile_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/sdk"
	"github.com/govmydata/mydata/sdk/sdktest"
)

// personal is what a callback knows and no answer shows.
const personal = "kim-blood-pressure"

// loads are an agency's own functions that misbehave behind a real sdk.Provider.
// What leaves, and what is said, is the provider's answer at its door.
func loads() []attempt {
	var list []attempt
	good := func() sdk.Record {
		return sdk.Record{"vision_left": 0.8, "vision_right": 1.0, "hearing_left": 20, "remarks": personal, "checked_on": "2026-05-14"}
	}
	add := func(name string, status int, code, check string, set sdk.DataSet) {
		list = append(list, attempt{name: name, status: status, code: code, check: check, try: func(t *testing.T, _ *world) answer {
			if set.Load == nil {
				set.Load = func(context.Context, sdk.Subject) (sdk.Record, error) { return good(), nil }
			}
			if set.Derive == nil {
				set.Derive = sdktest.Derive
			}
			return called(t, set)
		}})
	}
	load := func(how func(ctx context.Context) (sdk.Record, error)) sdk.DataSet {
		return sdk.DataSet{Load: func(ctx context.Context, _ sdk.Subject) (sdk.Record, error) { return how(ctx) }}
	}
	record := func(change func(r sdk.Record)) sdk.DataSet {
		return load(func(context.Context) (sdk.Record, error) { r := good(); change(r); return r, nil })
	}
	derive := func(f func(sdk.Record) (any, error)) sdk.DataSet {
		return sdk.DataSet{Derive: map[string]func(sdk.Record) (any, error){"vision_ok": f, "hearing_ok": sdktest.Derive["hearing_ok"]}}
	}
	const fault, drift = "internal", "schema_drift"
	add("it survives a record that panics", 500, fault, "service", load(func(context.Context) (sdk.Record, error) { panic(personal) }))
	add("it survives a record that panics with nothing", 500, fault, "service", load(func(context.Context) (sdk.Record, error) { panic(nil) }))
	add("it survives a record that reads beyond its end", 500, fault, "service", load(func(context.Context) (sdk.Record, error) { return sdk.Record{"x": []int{}[len(personal)]}, nil }))
	add("it waits not for ever for a record that minds the time", 503, "slow", "record", load(func(ctx context.Context) (sdk.Record, error) {
		<-ctx.Done()
		time.Sleep(time.Second)
		return nil, ctx.Err()
	}))
	add("it waits not for ever for a record that minds nothing", 503, "slow", "record", load(func(context.Context) (sdk.Record, error) { time.Sleep(5 * time.Second); return good(), nil }))
	add("it hides what went wrong with a record", 500, fault, "service", load(func(context.Context) (sdk.Record, error) { return nil, errors.New(personal) }))
	add("it sends nothing of no record", 500, fault, "service", load(func(context.Context) (sdk.Record, error) { return nil, nil }))
	add("it sends nothing of an empty record", 500, fault, "service", record(func(r sdk.Record) { clear(r) }))
	add("it sends nothing of a record with a text for a number", 409, drift, "record schema", record(func(r sdk.Record) { r["vision_left"] = personal }))
	add("it sends nothing of a record with a list for a text", 409, drift, "record schema", record(func(r sdk.Record) { r["checked_on"] = []string{personal} }))
	add("it sends nothing of a record that no JSON holds", 500, fault, "service", record(func(r sdk.Record) { r["checked_on"] = func() {} }))
	add("it sends nothing of a person who is not there", 404, "no_match", "record", load(func(context.Context) (sdk.Record, error) { return nil, sdk.ErrNoMatch }))
	add("it sends nothing of two people", 409, "several", "record", load(func(context.Context) (sdk.Record, error) { return nil, sdk.ErrSeveral }))
	add("it sends no value of a megabyte", 409, "too_much", "record", derive(func(sdk.Record) (any, error) { return strings.Repeat("x", 1<<20), nil }))
	add("it sends no value that no JSON holds", 409, "too_much", "record", derive(func(sdk.Record) (any, error) { return make(chan int), nil }))
	add("it sends no value that is nothing", 403, "no_value", "record", derive(func(sdk.Record) (any, error) { return nil, nil }))
	add("it survives a value that panics", 500, fault, "service", derive(func(sdk.Record) (any, error) { panic(personal) }))
	add("it hides what went wrong with a value", 500, fault, "service", derive(func(sdk.Record) (any, error) { return nil, errors.New(personal) }))
	add("it sends no claim without its function", 500, fault, "service", sdk.DataSet{Derive: map[string]func(sdk.Record) (any, error){}})
	return list
}

// called is the answer of a provider with this data set to a good request, and its
// answer again after the callback has come to reason: one release.
func called(t *testing.T, set sdk.DataSet) answer {
	t.Helper()
	h := sdktest.New(t)
	provider := h.MustProvider(map[string]sdk.DataSet{sdktest.DataSet: set}, func(c *sdk.ProviderConfig) { c.LoadFor = 300 * time.Millisecond })
	var got answer
	h.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		provider.ServeHTTP(rec, r)
		if got.status == 0 {
			got = answer{rec.Code, rec.Header(), rec.Body.String()}
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	consumer, kim := h.MustConsumer(), h.MustCitizen("kim")
	to, err := consumer.Ask(t.Context(), h.Need(kim))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Complete(t.Context(), to.State, kim.MustGrant(to)); err == nil {
		t.Error("it was released")
	}
	if released, err := provider.Releases(t.Context()); err != nil || len(released) > 0 {
		t.Errorf("%d releases, %v", len(released), err)
	}
	if bytes.Contains([]byte(got.body), []byte(personal)) {
		t.Errorf("the answer shows the record: %s", got.body)
	}
	return got
}
