// Package metrics counts what the hub and the verifier do, for Prometheus (text
// exposition format, OpenMetrics). It is the one home of client_golang: engines
// and faces declare hooks and interfaces of their own, cmd joins them to the
// methods here.
//
// What always holds: no label takes a value that a stranger chose. Routes are
// patterns of the mux, methods those of HTTP, witnesses those of the policy;
// every other word is one of the program's own, and a label that has had its
// number of different words calls all further ones "other". No claim, name,
// identifier or address is a label or a value.
//
// Left out: who may read. The listener is cmd's, on loop-back or an address that
// was named, never on the public mux.
package metrics
