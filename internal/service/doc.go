// Package service is what the services have in common as processes: settings out of
// flags and the environment, the one rule on plain http, listeners and servers with
// their bounds, limits, metrics and traces.
//
// Left out: what a service serves, and each setting of its own.
//
// What always holds: a setting that nobody knows is refused by its name; plain http
// is served on loop-back alone; what one connection may cost is bounded; a service
// that is told to stop lets requests under way finish.
package service
