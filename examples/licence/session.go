package main

// session is one browser's.
type session struct {
	Sub   string // "" until logged in
	State string // of the redirect under way
	Kind  string // what that redirect is for: "login" or "ask"
}
