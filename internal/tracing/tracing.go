package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracer makes spans. Its methods may run concurrently; those of a nil *Tracer do
// nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Endpoint is where traces go: the flag's base address, else what the standard
// variables say (OpenTelemetry Protocol Exporter, Endpoint URLs for OTLP/HTTP);
// "" when they say nothing, or when OTEL_SDK_DISABLED is true.
func Endpoint(flag string, env func(string) string) (string, error) {
	to := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := env("OTEL_EXPORTER_OTLP_ENDPOINT"); to == "" && base != "" {
		to = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	if flag != "" {
		to = strings.TrimSuffix(flag, "/") + "/v1/traces"
	}
	if to == "" || strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return "", nil
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", errors.New("traces: want the collector's address, such as https://collector.example:4318")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return "", errors.New("traces: the collector is reached by https, or on loop-back")
	}
	return to, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// New begins to send the spans of a service to a collector. Certificates,
// headers and sampling are set by OpenTelemetry's own variables.
func New(ctx context.Context, service, endpoint string, log *slog.Logger) (*Tracer, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are lost", "error", err) }))
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// The SDK's own description of the process would name its owner and its host.
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	return &Tracer{p, p.Tracer("github.com/govmydata/mydata")}, nil
}

// Close sends what is left.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Request begins the span of a request that came in, and answers what to call at
// its end. route is the mux's pattern with its method.
func (t *Tracer) Request(ctx context.Context, correlation string) (context.Context, func(route, method string, status int, refusal string)) {
	if t == nil {
		return ctx, func(string, string, int, string) {}
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("mydata.correlation_id", correlation)))
	return ctx, func(route, method string, status int, refusal string) {
		_, path, found := strings.Cut(route, " ")
		if !found {
			path = route
		}
		if path == "" {
			path = "none"
		}
		span.SetName(method + " " + path)
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", path))
		if refusal != "" {
			span.SetAttributes(attribute.String("mydata.refusal", refusal))
		}
		end(span, status)
	}
}

func end(span trace.Span, status int) {
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Client gives each request that next sends a span, which says whom it asked for
// what, by a word of ours.
func (t *Tracer) Client(what string, next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return client{t.tracer, what, next}
}

type client struct {
	tracer trace.Tracer
	what   string
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper. The request goes out unchanged.
func (c client) RoundTrip(r *http.Request) (*http.Response, error) {
	_, span := c.tracer.Start(r.Context(), c.what, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", r.URL.Hostname())))
	response, err := c.next.RoundTrip(r)
	if err != nil {
		span.SetStatus(codes.Error, "") // the error's text may hold the address
		span.End()
		return nil, err
	}
	end(span, response.StatusCode)
	return response, nil
}
