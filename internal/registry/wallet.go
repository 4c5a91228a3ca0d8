package registry

// CheckWallet holds a wallet that is a client by its provider's entry in the
// trust list to what a registered one is held to.
func CheckWallet(c Client) error {
	m := metadata{ID: c.ID, Name: c.Name[""], RedirectURIs: c.RedirectURIs, AuthMethod: c.AuthMethod, GrantTypes: c.GrantTypes, DPoP: c.DPoP, PAR: c.PAR}
	if m.ID == "" {
		return bad("client_id", "missing")
	}
	for _, check := range []func() error{m.checkNames, m.checkAuth, m.checkGrants, m.checkRedirects} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
