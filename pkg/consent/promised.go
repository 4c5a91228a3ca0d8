package consent

import "time"

// Promised is by when the hub promised that an event is in the log: only a use
// is promised, to the provider who committed to it.
func (e Event) Promised() (by time.Time, ok bool) {
	return e.At.Add(promiseDeadline), e.Kind == KindUsed
}
