package service

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

// Limits builds the three lines of internal/limit. How often a code may be guessed is
// the same in development.
func (s *Settings) Limits(store limit.Store) (*limit.Limits, *limit.Connections, error) {
	proxies, err := limit.ParsePrefixes(s.Proxies)
	if err != nil {
		return nil, nil, fmt.Errorf("proxies: %w", err)
	}
	trusted, err := limit.ParsePrefixes(s.TrustedAddresses)
	if err != nil {
		return nil, nil, fmt.Errorf("trusted-addresses: %w", err)
	}
	times := 1
	if s.Development {
		times = easier
	}
	rate, each, budgets := s.Rate, s.Connections, limit.Budgets()
	if rate == 0 {
		rate = requestsPerSecond * times
	}
	if each == 0 {
		each = connectionsEach * min(4, times)
	}
	for name, b := range budgets {
		if name != limit.TxCode && name != limit.UserCode {
			b.Limit *= int64(times)
			budgets[name] = b
		}
	}
	limits := limit.New(limit.Options{
		Store: store, Budgets: budgets, Rate: rate, Proxies: proxies, Trusted: trusted, Factor: s.TrustedFactor, Now: time.Now,
	})
	return limits, &limit.Connections{All: max(connectionsAll, each), Each: each, Proxies: proxies}, nil
}
