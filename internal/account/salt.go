package account

// Salt is what Accounts.Salt answers, for who reads the rows themselves: an
// auditor of the database.
func (c CitizenRow) Salt(label string) [32]byte { return saltOf(c.Key, label) }
