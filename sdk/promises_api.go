package sdk

import "context"

// CheckPromises asks the hub's public log for every promise that is held, and
// gives those that are broken: not proven in a witnessed checkpoint by their
// deadline. It runs by itself too (ProviderConfig.PromiseInterval).
func (p *Provider) CheckPromises(ctx context.Context) ([]Promise, error) {
	return p.promises.check(ctx)
}

// Promises is what the hub promised and the log has not proven so far, oldest
// first: to hand to a monitor of your choice (idp monitor --promises).
func (p *Provider) Promises(ctx context.Context) ([]Promise, error) { return p.promises.held(ctx) }

// SettlePromise forgets a broken promise, after somebody has looked. ErrAbsent:
// there is none for that use.
func (p *Provider) SettlePromise(ctx context.Context, grantID string, use int) error {
	return p.promises.settle(ctx, grantID, use)
}

// Inclusion is the proof that a release of yours is in the hub's log (C2SP
// tlog-proof), as it was seen when its promise was kept. ErrAbsent: not yet.
func (p *Provider) Inclusion(ctx context.Context, grantID string, use int) (string, error) {
	return kept[string](ctx, p.config.Journal, "inclusion", useID(grantID, use))
}

// Close ends the checks of promises, waits for one under way, and lets idle
// connections go. Releases are answered as before.
func (p *Provider) Close() error {
	p.promises.close()
	p.net.close()
	return nil
}

// CheckPromises asks the hub's public log for every promise that is held, and
// gives those that are broken: not proven in a witnessed checkpoint by their
// deadline. It runs by itself too (ConsumerConfig.PromiseInterval).
func (c *Consumer) CheckPromises(ctx context.Context) ([]Promise, error) {
	return c.promises.check(ctx)
}

// Promises is what the hub promised and neither log nor receipt has proven so
// far, oldest first.
func (c *Consumer) Promises(ctx context.Context) ([]Promise, error) { return c.promises.held(ctx) }

// SettlePromise forgets a broken promise, after somebody has looked. ErrAbsent:
// there is none for that use.
func (c *Consumer) SettlePromise(ctx context.Context, grantID string, use int) error {
	return c.promises.settle(ctx, grantID, use)
}

// Close ends the checks of promises, waits for one under way, and lets idle
// connections go.
func (c *Consumer) Close() error {
	c.promises.close()
	c.net.close()
	return nil
}
