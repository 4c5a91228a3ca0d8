package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/signal"
)

// every is the least time between two messages to one citizen.
const every = 15 * time.Minute

// ErrGone is what a channel answers for an address that is no longer there.
var ErrGone = errors.New("notify: nobody listens there any more")

// Messages tells citizens that something happened, and no more: what it was they
// see when they have logged in.
type Messages struct {
	Choices Choices
	Hub     string // the hub's URL
	Push    *WebPush
	Mail    Mailer
	File    *FileSink
	Every   time.Duration // between two messages to one citizen; 15 minutes when zero
	Now     func() time.Time

	choosing sync.Mutex // who asks for many codes at once gets one
}

// Mailer sends one message. All methods may run at once.
type Mailer interface {
	Send(ctx context.Context, to, subject, text string) error
}

// citizen sends one message for all that waits, at most one in a while.
func (n *Notifier) citizen(ctx context.Context, citizen string, waiting []signal.Signal) (told []string, after time.Duration, err error) {
	if len(waiting) == 0 {
		return nil, 0, nil
	}
	last := waiting[len(waiting)-1]
	for _, s := range waiting {
		told = append(told, s.ID)
	}
	c, err := n.choice(ctx, citizen)
	switch {
	case errors.Is(err, ErrNoChoice):
		return told, 0, nil
	case err != nil:
		return nil, 0, err
	case n.Now().Sub(last.At) > n.Life:
		n.Observe(Dead)
		return told, 0, nil
	}
	pause := n.Messages.Every
	if pause == 0 {
		pause = every
	}
	if wait := c.Told.Add(pause).Sub(n.Now()); wait > 0 && wait <= pause {
		return nil, wait, nil
	}
	switch err := n.Messages.send(ctx, c); {
	case errors.Is(err, ErrGone): // RFC 8030, 7.3: the subscription has ended
		return told, 0, n.Messages.Choices.DropChoice(ctx, citizen, c.Address)
	case err != nil:
		n.Observe(Retried)
		n.Logger.WarnContext(ctx, "message not sent", "channel", c.Channel, "err", err)
		return nil, -time.Nanosecond, nil
	}
	n.Observe(Messaged)
	return told, 0, n.Messages.Choices.NoteTold(ctx, citizen, n.Now())
}

// choice is a proven one.
func (n *Notifier) choice(ctx context.Context, citizen string) (Choice, error) {
	if n.Messages == nil {
		return Choice{}, ErrNoChoice
	}
	c, err := n.Messages.Choices.Choice(ctx, citizen)
	if err == nil && c.Code != "" {
		err = ErrNoChoice
	}
	return c, err
}

// send says by the chosen channel that something happened.
func (m *Messages) send(ctx context.Context, c Choice) error {
	t, ok := texts[c.Lang]
	if !ok {
		t = texts["en"]
	}
	switch {
	case c.Channel == ChannelPush && m.Push != nil:
		return m.Push.send(ctx, c.Address, note{t.subject, t.short, m.Hub + "/me/history"})
	case c.Channel == ChannelMail && m.Mail != nil:
		return m.Mail.Send(ctx, string(c.Address), t.subject, t.text(m.Hub))
	case c.Channel == ChannelFile && m.File != nil:
		return m.File.send(c, t.subject, t.text(m.Hub), m.Now())
	}
	return ErrGone // the operator took the channel away
}
