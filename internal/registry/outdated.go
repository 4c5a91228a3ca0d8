package registry

import (
	"context"
	"fmt"
)

// clientPage is how many clients are read at once.
const clientPage = 256

// Outdated calls each with every client that has an address which would be refused
// today, and why: rules for addresses hold for who registers after them.
func (r *Registry) Outdated(ctx context.Context, each func(id string, why error)) error {
	for after := ""; ; {
		clients, err := r.Store.Clients(ctx, after, clientPage)
		if err != nil {
			return fmt.Errorf("read clients: %w", err)
		}
		for _, c := range clients {
			if err := c.checkAddresses(); err != nil {
				each(c.ID, err)
			}
		}
		if len(clients) < clientPage {
			return nil
		}
		after = clients[len(clients)-1].ID
	}
}

// checkAddresses is what a registration's addresses are checked by.
func (c Client) checkAddresses() error {
	m := metadata{RedirectURIs: c.RedirectURIs}
	m.PostLogout, m.BackchannelLogout = c.PostLogoutRedirectURIs, c.BackchannelLogoutURI
	if err := m.checkRedirects(); err != nil {
		return err
	}
	return m.checkLogout()
}
