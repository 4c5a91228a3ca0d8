// Package tracing sends spans to an OpenTelemetry collector (OTLP/HTTP). It is
// the one home of the OpenTelemetry SDK; cmd joins it to the observer that the
// page frame declares and to the clients that engines are given.
//
// A span says: the route and method of a request, its status, how long it took,
// the check that refused it, its correlation id; of a request that we sent, to
// which host. The instrumentation for net/http that there is ready-made
// (otelhttp) is not used, because it puts the address, which may be a secret
// here, the browser's name and the client's network address into every span.
//
// What always holds: no query, address, header, claim, name or token is in a
// span, since nothing puts one there: attributes are made here and nowhere else,
// and the global provider, which libraries use, stays empty. A span begins a
// trace of its own: a traceparent (W3C Trace Context, 3.2) that comes with a
// request is ignored. It would let a stranger choose what is sampled and which
// requests look like one; and behind a proxy every stranger comes from the
// proxy's trusted address. None is sent either: witnesses are other people's.
// A collector out of reach costs nothing but spans.
//
// Left out: metrics (internal/metrics) and logs by OTLP.
package tracing
