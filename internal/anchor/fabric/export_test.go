package fabric

import "context"

// WriteTrust pins the channel's configuration as a peer gives it now.
func (c *Chain) WriteTrust(ctx context.Context, dir string) error {
	_, err := c.Pin(ctx, dir, Policy{Chaincode: c.connection.Chaincode, Organisations: c.organisations()})
	return err
}
