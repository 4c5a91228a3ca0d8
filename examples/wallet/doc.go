// Command wallet is a demonstration phone: a page in the shape of a wallet that
// takes credential offers and presentation requests as links, shows what would
// be shared, and shares only on a press of a button.
//
// The protocol is conformance/wallet's; this is its face. Keys and credentials
// are kept in the folder DATA alone. It works without JavaScript and knows
// Korean and English.
//
// It is one phone for whoever sits before the machine, without a lock: it
// serves the loop-back alone and answers to no other host name. A real wallet
// keeps its keys in the phone's secure hardware behind its lock.
//
// Links come as /?offer=openid-credential-offer://… and /?request=openid4vp://…,
// or are pasted into the home page.
package main
