package main

// twins walks as two residents of one name, side by side.
func (s *stage) twins(b *browser, out, axe string, say func(string, ...any)) error { return nil }
