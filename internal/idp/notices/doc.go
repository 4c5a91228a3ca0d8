// Package notices is where a citizen chooses how to hear that something happened
// with a consent: by the browser (Push API; RFC 8030), by mail, or not at all, and
// in which language.
//
// Its neighbour is internal/notify, which keeps the choice and sends.
//
// What always holds: the page shows and changes the choice of the citizen of the
// session alone; a mail address is used only after the code that was sent there
// came back; choosing mail or nothing needs no JavaScript; the service worker
// shows what it was sent and fetches nothing.
//
// Left out: several devices or addresses at once.
package notices
