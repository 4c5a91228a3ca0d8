package statuslist

// Held is the Status List Token, a JWT, that the last look-up at this address went
// by, as it was fetched: what whoever keeps a record of a verification keeps of
// it. It is empty when there was none, or it was a CWT.
func (c *Client) Held(uri string) string {
	c.mu.Lock()
	e := c.cached[uri]
	c.mu.Unlock()
	if e == nil {
		return ""
	}
	e.Lock()
	defer e.Unlock()
	return e.text
}
