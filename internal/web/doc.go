// Package web is the frame around every page of the hub and the verifier: the
// layout, the stylesheet, the script that talks to a passkey, the two
// languages, the security headers, the error pages and the problem documents
// (RFC 9457).
//
// How a flow uses it:
//
//	frame.Messages(locale)                  // en.json and ko.json, anywhere in the file system
//	pages := frame.Pages(files, "page/*.html")
//	pages.Render(w, r, http.StatusOK, "login", data)
//
// A page file defines "title" and "main", may define "nav" and "head", and gets
// its data as the dot. Functions: t (message id, then name and value pairs, each
// text among the values in <bdi>; what a page shows of others itself, it wraps so),
// text (the reader's language of a map of translations), time and date (with
// the zone), in (an attribute for an element whose text is of the other language), qr (content, text alternative), code (groups of four), lang.
// {{template "passkey-status"}} inside a form with data-webauthn gives the
// place where progress and errors are announced.
//
// The script webauthn.js serves every form of this shape:
//
//	<form method="post" data-webauthn="get" data-options-url="…" data-finish-url="…">
//
// It posts the form's fields as JSON to the options URL (a text field is a
// string, a checkbox group always an array of the ticked values), expects
// {"publicKey": …} in the JSON form of Web Authentication Level 3, sections
// 5.1.8 and 5.1.9, asks the passkey, posts {"credential": …} to the finish URL
// and goes to the "next" of its answer. Problem documents are shown with their
// "message" and correlation id.
//
// What always holds: no inline script and no inline style is allowed by the
// Content-Security-Policy; nothing is fetched from another origin; a body is at
// most BodyLimit bytes; a request of another origin that changes state is
// refused unless its path was named by Machine; the log names routes, never
// addresses, queries, bodies or cookies; an unknown error reaches the reader as a
// correlation id alone.
//
// Left out: sessions (internal/account), routing (net/http), rate limits.
package web
