// Package signals walks a withdrawal from the citizen's button through a real hub,
// as a process, to both agencies, who are told and react (RFC 8417, RFC 8935).
//
// It is tests alone.
package signals
