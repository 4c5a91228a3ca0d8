package main

import "context"

// lookAtClients says in the log, once a start, which clients have an address that
// would be refused today: they registered before the rule that refuses it.
func (e *engines) lookAtClients(ctx context.Context) {
	err := e.registry.Outdated(ctx, func(id string, why error) {
		e.log.WarnContext(ctx, "a client has an address that would be refused today: have it register another", "client", id, "err", why)
	})
	if err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "addresses of clients were not looked at", "err", err)
	}
}
