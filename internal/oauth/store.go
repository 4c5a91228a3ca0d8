package oauth

// Store keeps what must not be forgotten or used twice.
type Store interface{}
