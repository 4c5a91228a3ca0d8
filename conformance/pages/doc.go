// Package pages looks at every page of a deployment as a browser's enemy would:
// hub, verifier, demo wallet and the two demo agencies, each through its public
// door. The residents' register, the catalogue and a client's metadata hold names
// that are markup, run from right to left, or are as long as can be.
//
// What always holds, for every answer seen in any test: it cannot be framed and
// its type cannot be guessed; what is personal is not kept by caches; a page runs
// no script and takes no style but its own origin's files, leads nowhere but to
// the deployment, and isolates every name of others from the text around it;
// cookies are HttpOnly, SameSite=Lax and bound to this host. A request of another
// origin changes nothing. No session outlives its end, and none that was planted
// begins. Which codes, passkeys or people there are cannot be learned from what
// is answered, nor how long that takes.
//
// The lists of what must be visited and what must be refused are compared with
// the routes in the sources, so that a new page cannot be forgotten.
//
// It leaves out what a browser alone can show (conformance/tour), and bad input
// to protocols (conformance/hostile).
package pages
