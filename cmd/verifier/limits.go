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

// limited builds what internal/limit has. The verifier keeps nothing, so its
// budgets are in memory.
func (c config) limited() (*limit.Limits, *limit.Connections, error) {
	proxies, err := limit.ParsePrefixes(c.Proxies)
	if err != nil {
		return nil, nil, fmt.Errorf("proxies: %w", err)
	}
	trusted, err := limit.ParsePrefixes(c.TrustedAddresses)
	if err != nil {
		return nil, nil, fmt.Errorf("trusted-addresses: %w", err)
	}
	rate, each, budgets := c.Rate, c.Connections, limit.Budgets()
	times := 1
	if c.Development {
		times = easier
	}
	if rate == 0 {
		rate = requestsPerSecond * times
	}
	if each == 0 {
		each = connectionsEach * min(4, times)
	}
	question := budgets[limit.Question]
	question.Limit *= int64(times)
	budgets[limit.Question] = question
	limits := limit.New(limit.Options{
		Store: new(limit.Memory), Budgets: budgets, Rate: rate, Proxies: proxies, Trusted: trusted, Factor: c.TrustedFactor, Now: time.Now,
	})
	return limits, &limit.Connections{All: max(connectionsAll, each), Each: each, Proxies: proxies}, nil
}
