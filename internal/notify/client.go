package notify

import "net/http"

// Client reaches public addresses alone (in development this machine too), and
// follows no redirect: what a registered address is asked by.
func Client(loopback bool) *http.Client { return newClient(loopback) }
