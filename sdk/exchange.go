package sdk

import (
	"net/url"
	"time"
)

// Exchange is one request to the other side: for your own counters, with labels
// of which there are few.
type Exchange struct {
	Method string
	Host   string
	Path   string // without query; an id in it is replaced by "…"
	Status int    // 0: no answer came
	Try    int    // from 1
	Took   time.Duration
}

// paths are those that have no id in them.
var paths = map[string]bool{"/par": true, "/token": true, "/catalogue": true, "/log/proof": true, "/agency/commits": true,
	"/agency/received": true, "/agency/deletions": true, "/.well-known/oauth-authorization-server": true, "/release": true}

func exchangeOf(method, address string, status, try int, took time.Duration, err error) Exchange {
	e := Exchange{Method: method, Status: status, Try: try, Took: took, Path: "…"}
	if err != nil {
		e.Status = 0
	}
	if u, bad := url.Parse(address); bad == nil {
		e.Host = u.Host
		if paths[u.Path] {
			e.Path = u.Path
		}
	}
	return e
}
