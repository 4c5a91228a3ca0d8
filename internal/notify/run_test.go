package notify_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
)

// looked counts looks at an outbox.
type looked struct {
	notify.Outbox
	n atomic.Int64
}

func (l *looked) Due(ctx context.Context, now time.Time, most int) ([]string, error) {
	l.n.Add(1)
	return l.Outbox.Due(ctx, now, most)
}

// However often it is woken, it looks ten times a second; and what is committed
// between two looks is told by the next, not by the clock.
func TestRunGathers(t *testing.T) {
	h := newHub(t)
	outbox := &looked{Outbox: h.db.Signals()}
	h.outbox = outbox
	n := h.notifier(func(o *notify.Options) { o.Interval = time.Hour })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { n.Run(ctx); close(ended) }()
	began := time.Now()
	for time.Since(began) < 500*time.Millisecond {
		n.Wake()
		time.Sleep(time.Millisecond)
	}
	if got, most := outbox.n.Load(), int64(time.Since(began)/(100*time.Millisecond))+1; got > most {
		t.Errorf("it looked %d times", got)
	}
	h.Granted(t.Context(), ada, h.passkey)
	n.Wake()
	for end := time.Now().Add(10 * time.Second); h.count(notify.Delivered) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was told")
		}
	}
	stop()
	<-ended
}
