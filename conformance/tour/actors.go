package main

// An actor is one resident's walk in one language.
type actor struct{ resident, lang string }

var actors = []actor{{"resident-01", "ko"}, {"resident-02", "en"}}

func (s *stage) play(b *browser, a actor, out, axe string, say func(string, ...any)) error {
	return nil
}
