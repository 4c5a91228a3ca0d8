// Package login is the way in: /login for citizens who have a passkey, also in
// the course of an authorization request; /enrol for those who hold a letter
// with a one-time code; /logout.
//
// Its neighbours: internal/account knows passkeys and sessions; internal/oauth
// is asked, through Interactions, whose request it is and where to go next. The
// pages follow W3C Web Authentication Level 3, sections 7.1 and 7.2, through the
// script of internal/web.
//
// What always holds: a session cookie gets a new token at every login and the
// token that was there ends; an unknown, a used, an expired and an exhausted
// code are answered alike; the browser is sent to paths of this origin, or to
// where the authorization server says, never to an address from the request.
//
// RP-Initiated Logout 1.0 has its pages here, at /end_session, and its rules in
// internal/oauth; clients are told of an end before it happens here.
//
// Left out: approval and issuance pages.
package login
