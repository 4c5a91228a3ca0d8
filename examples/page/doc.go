// Package page is the little that the example agencies' pages share: a frame in
// two languages, strict headers, a session cookie, and a server that starts and
// stops cleanly. It knows nothing of the hub and imports nothing of ours: an
// agency brings its own.
//
// What always holds: no script, no inline style, no request to another origin;
// forms go to the page's own origin and to where they may lead (Options.Leads).
package page
