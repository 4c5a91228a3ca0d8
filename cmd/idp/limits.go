package main

import (
	"fmt"
	"time"

	"github.com/govmydata/mydata/internal/limit"
)

// What one address may ask where nothing else is said. In development every
// program of the story is behind one address.
const (
	requestsPerSecond = 50
	connectionsEach   = 256
	connectionsAll    = 4096
	easier            = 20 // times more, in development
)

// limited builds the three lines of internal/limit from the configuration.
func (c config) limited(store limit.Store) (*limit.Limits, *limit.Connections, error) {
	proxies, err := limit.ParsePrefixes(c.Proxies)
	if err != nil {
		return nil, nil, fmt.Errorf("proxies: %w", err)
	}
	trusted, err := limit.ParsePrefixes(c.TrustedAddresses)
	if err != nil {
		return nil, nil, fmt.Errorf("trusted-addresses: %w", err)
	}
	rate, each, budgets := c.Rate, c.Connections, limit.Budgets()
	if rate == 0 {
		rate = requestsPerSecond * c.easier()
	}
	if each == 0 {
		each = connectionsEach * min(4, c.easier())
	}
	for name, b := range budgets {
		if name != limit.TxCode && name != limit.UserCode {
			b.Limit *= int64(c.easier())
			budgets[name] = b
		}
	}
	limits := limit.New(limit.Options{
		Store: store, Budgets: budgets, Rate: rate, Proxies: proxies, Trusted: trusted, Factor: c.TrustedFactor, Now: time.Now,
	})
	return limits, &limit.Connections{All: max(connectionsAll, each), Each: each, Proxies: proxies}, nil
}

func (c config) easier() int {
	if c.Development {
		return easier
	}
	return 1
}
