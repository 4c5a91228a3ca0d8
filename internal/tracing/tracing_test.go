package tracing

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	span "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collected are the spans that a collector got, and all bytes that came.
type collected struct {
	mu    sync.Mutex
	spans []*span.Span
	raw   bytes.Buffer
}

func (c *collected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var got collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &got) != nil || r.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.raw.Write(body)
	for _, from := range got.ResourceSpans {
		for _, scope := range from.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

func (c *collected) attributes(n int) map[string]string {
	out := map[string]string{}
	for _, a := range c.spans[n].Attributes {
		out[a.Key] = strings.Trim(a.Value.String(), `"`)
	}
	return out
}

// run traces what do does and answers what came to the collector.
func run(t *testing.T, do func(*Tracer)) *collected {
	t.Helper()
	c := &collected{}
	server := httptest.NewServer(c)
	defer server.Close()
	to, err := Endpoint(server.URL, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := New(t.Context(), "mydata-test", to, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	do(tracer)
	if err := tracer.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRequest(t *testing.T) {
	c := run(t, func(tracer *Tracer) {
		ctx, end := tracer.Request(t.Context(), "correlation-1")
		_, again := tracer.Request(ctx, "correlation-2")
		again("", "OTHER", 503, "")
		end("POST /agency/{grant}", "POST", 409, "grant state")
	})
	if len(c.spans) != 2 {
		t.Fatalf("%d spans", len(c.spans))
	}
	inner, outer := c.spans[0], c.spans[1]
	if outer.Name != "POST /agency/{grant}" || outer.Kind != span.Span_SPAN_KIND_SERVER || outer.Status.GetCode() == span.Status_STATUS_CODE_ERROR {
		t.Errorf("%+v", outer)
	}
	a := c.attributes(1)
	for key, want := range map[string]string{
		"mydata.correlation_id": "correlation-1", "http.request.method": "POST", "http.route": "/agency/{grant}", "mydata.refusal": "grant state",
	} {
		if !strings.Contains(a[key], want) {
			t.Errorf("%s: %s", key, a[key])
		}
	}
	if inner.Name != "OTHER none" || inner.Status.GetCode() != span.Status_STATUS_CODE_ERROR || inner.Status.Message != "" {
		t.Errorf("%+v", inner)
	}
	if len(inner.ParentSpanId) != 0 || bytes.Equal(inner.TraceId, outer.TraceId) {
		t.Error("a request continues another's trace")
	}
}

// TestClient sends a request whose every part is a secret.
func TestClient(t *testing.T) {
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
	defer server.Close()
	c := run(t, func(tracer *Tracer) {
		client := &http.Client{Transport: tracer.Client("ask witness", http.DefaultTransport)}
		ctx, end := tracer.Request(t.Context(), "correlation-1")
		for _, to := range []string{server.URL, "http://127.0.0.1:1"} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/secret?secret=secret#secret", strings.NewReader("secret"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer secret")
			r.Header.Set("Cookie", "secret=secret")
			if res, err := client.Do(r); err == nil {
				res.Body.Close()
			}
		}
		end("GET /", "GET", 200, "")
	})
	if len(c.spans) != 3 || c.spans[0].Name != "ask witness" || c.spans[0].Kind != span.Span_SPAN_KIND_CLIENT ||
		!bytes.Equal(c.spans[0].ParentSpanId, c.spans[2].SpanId) || c.spans[1].Status.GetCode() != span.Status_STATUS_CODE_ERROR {
		t.Errorf("%+v", c.spans)
	}
	if strings.Contains(strings.ToLower(c.raw.String()), "secret") {
		t.Errorf("a span holds a secret: %q", c.raw.String())
	}
	if seen.Get("Traceparent") != "" || seen.Get("Baggage") != "" {
		t.Error("a trace goes on to others")
	}
	allowed := []string{"service.name", "http.request.method", "http.route", "http.response.status_code", "server.address", "mydata.correlation_id"}
	for n := range c.spans {
		for key := range c.attributes(n) {
			if !slices.Contains(allowed, key) {
				t.Errorf("attribute %s", key)
			}
		}
	}
}

func TestLibrariesTraceNothing(t *testing.T) {
	run(t, func(*Tracer) {
		if _, ours := otel.GetTracerProvider().(*trace.TracerProvider); ours {
			t.Error("the global provider sends what libraries trace")
		}
	})
}

func TestNothingIsTracedWithoutATracer(t *testing.T) {
	var tracer *Tracer
	ctx, end := tracer.Request(t.Context(), "x")
	end("GET /", "GET", 200, "")
	if ctx != t.Context() || tracer.Client("x", http.DefaultTransport) != http.DefaultTransport || tracer.Close(ctx) != nil {
		t.Error("it does something")
	}
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		env        map[string]string
		want       string
		bad        bool
	}{
		{"it is off by default", "", nil, "", false},
		{"it takes the flag", "https://c.example:4318", nil, "https://c.example:4318/v1/traces", false},
		{"it takes the standard variable", "", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318/"}, "http://localhost:4318/v1/traces", false},
		{"it takes the variable for traces as it is", "", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://b.example/x"}, "https://b.example/x", false},
		{"it prefers the flag", "http://127.0.0.1:1", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://a.example"}, "http://127.0.0.1:1/v1/traces", false},
		{"it can be switched off", "http://127.0.0.1:1", map[string]string{"OTEL_SDK_DISABLED": "True"}, "", false},
		{"it refuses plain http to others", "http://c.example:4318", nil, "", true},
		{"it refuses a password in the address", "https://a:b@c.example", nil, "", true},
		{"it refuses what is no address", "c.example:4318", nil, "", true},
		{"it refuses another scheme", "ftp://localhost", nil, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Endpoint(c.flag, func(name string) string { return c.env[name] })
			if got != c.want || (err != nil) != c.bad {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
