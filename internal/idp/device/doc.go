// Package device is where a citizen answers a kiosk: /device takes the code that
// the kiosk shows, and, after a login with the citizen's own passkey, asks whether
// the device with this name, that stands at this place, may go on.
//
// RFC 8628, 3.3, 5.4 and 6.1. Its neighbours: internal/oauth keeps devices and
// interactions and bounds what may be guessed; internal/idp/login comes before the
// question.
//
// What always holds: name and place are those that were registered, never words of
// the device; the question comes after a login made for it, in the browser in which
// the code was typed; no address that can be sent to somebody carries a code; whoever
// is asked is told, before and after the login, what a fraud looks like.
//
// Left out: verification_uri_complete, consents (a kiosk may ask, never approve:
// those are signed at internal/idp/approval), and telling who stands before the kiosk.
package device
