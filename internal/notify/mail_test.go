package notify_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/notify"
	"github.com/govmydata/mydata/pkg/consent/consenttest"
)

// postOffice is a small SMTP server.
type postOffice struct {
	net.Listener
	mu      sync.Mutex
	letters []string
	to      []string
	rcpt    string // answers RCPT; "250 ok" when empty
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &postOffice{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *postOffice) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	say := func(s string) { fmt.Fprint(c, s+"\r\n") }
	say("220 post.example")
	for in.Scan() {
		line := in.Text()
		switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); verb {
		case "EHLO", "HELO":
			say("250 post.example")
		case "RCPT":
			p.mu.Lock()
			p.to = append(p.to, line)
			p.mu.Unlock()
			say(cmp.Or(p.rcpt, "250 ok"))
		case "DATA":
			say("354 go on")
			var letter strings.Builder
			for in.Scan() && in.Text() != "." {
				letter.WriteString(in.Text() + "\r\n")
			}
			p.mu.Lock()
			p.letters = append(p.letters, letter.String())
			p.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (p *postOffice) last(t *testing.T) (subject, text string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.letters) == 0 {
		t.Fatal("no letter")
	}
	m, err := mail.ReadMessage(strings.NewReader(p.letters[len(p.letters)-1]))
	must(t, err)
	subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	must(t, err)
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	must(t, err)
	return subject, string(body)
}

func TestMail(t *testing.T) {
	post := newPostOffice(t)
	smtp, err := notify.NewSMTP("smtp://"+post.Addr().String(), "hub@hub.example", "", "", true)
	must(t, err)
	h, m, n := told(t, func(m *notify.Messages) { m.Mail = smtp })
	ctx := t.Context()
	for _, bad := range []string{"", "ada", "Ada <a@b.example>", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"} {
		if _, err := m.Choose(ctx, ada, notify.ChannelMail, "en", bad); !errors.Is(err, notify.ErrAddress) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	confirm, err := m.Choose(ctx, ada, notify.ChannelMail, "en", "someone@mail.example")
	if err != nil || !confirm {
		t.Fatal(confirm, err)
	}
	if _, err := m.Choose(ctx, ada, notify.ChannelMail, "en", "other@mail.example"); !errors.Is(err, notify.ErrTooSoon) {
		t.Errorf("a second code at once: %v", err)
	}
	_, text := post.last(t)
	code := regexp.MustCompile(`[0-9]{8}`).FindString(text)
	// Nothing is sent to an address that is not proven, however long it is known.
	r := h.Granted(ctx, ada, h.passkey)
	h.Pass(20 * time.Minute)
	must(t, n.Round(ctx))
	if len(post.letters) != 1 {
		t.Errorf("%d letters to an address that nobody proved", len(post.letters))
	}
	if err := m.Confirm(ctx, ada, "x"+code); !errors.Is(err, notify.ErrCode) {
		t.Errorf("a wrong code: %v", err)
	}
	must(t, m.Confirm(ctx, ada, " "+code+" "))
	must(t, m.Confirm(ctx, ada, "again"))
	h.withdraw(r)
	h.Pass(time.Hour)
	must(t, n.Round(ctx))
	subject, text := post.last(t)
	if len(post.letters) != 2 || !strings.Contains(subject, "consent") || !strings.Contains(text, consenttest.Issuer+"/me/history") || !strings.Contains(text, "/me/notices") {
		t.Errorf("%d letters, %q:\n%s", len(post.letters), subject, text)
	}
	h.impersonal(t, r, subject+text)
	if !strings.Contains(post.letters[1], "Auto-Submitted: auto-generated") {
		t.Errorf("a letter that a machine answers:\n%s", post.letters[1])
	}
	// Who wants to hear no more is told no more.
	_, err = m.Choose(ctx, ada, "", "en", "")
	must(t, err)
	h.Granted(ctx, ada, h.passkey)
	h.Pass(time.Hour)
	must(t, n.Round(ctx))
	if len(post.letters) != 2 {
		t.Errorf("%d letters", len(post.letters))
	}
}

func TestCodesAreBounded(t *testing.T) {
	post := newPostOffice(t)
	smtp, err := notify.NewSMTP("smtp://"+post.Addr().String(), "hub@hub.example", "", "", true)
	must(t, err)
	h, m, _ := told(t, func(m *notify.Messages) { m.Mail = smtp })
	ask := func() string {
		_, err := m.Choose(t.Context(), ada, notify.ChannelMail, "ko", "someone@mail.example")
		must(t, err)
		_, text := post.last(t)
		return regexp.MustCompile(`[0-9]{8}`).FindString(text)
	}
	code := ask()
	for range 5 {
		if err := m.Confirm(t.Context(), ada, "00000000"); !errors.Is(err, notify.ErrCode) && err != nil {
			t.Error(err)
		}
	}
	if err := m.Confirm(t.Context(), ada, code); !errors.Is(err, notify.ErrCode) {
		t.Errorf("after five tries: %v", err)
	}
	h.Pass(2 * time.Minute)
	code = ask()
	h.Pass(31 * time.Minute)
	if err := m.Confirm(t.Context(), ada, code); !errors.Is(err, notify.ErrCode) {
		t.Errorf("after half an hour: %v", err)
	}
	if err := m.Confirm(t.Context(), "bea", code); !errors.Is(err, notify.ErrNoChoice) {
		t.Errorf("another's: %v", err)
	}
}

// Nobody has the hub write to a stranger again and again, whatever is chosen between.
func TestCodesAreFarBetween(t *testing.T) {
	post := newPostOffice(t)
	smtp, err := notify.NewSMTP("smtp://"+post.Addr().String(), "hub@hub.example", "", "", true)
	must(t, err)
	h, m, n := told(t, func(m *notify.Messages) {
		m.Mail, m.File = smtp, &notify.FileSink{Path: filepath.Join(t.TempDir(), "messages")}
	})
	ctx := t.Context()
	for _, between := range []string{"", notify.ChannelFile} {
		h.Pass(2 * time.Minute)
		before := len(post.letters)
		for range 3 {
			if _, err := m.Choose(ctx, ada, notify.ChannelMail, "en", "stranger@mail.example"); err != nil && !errors.Is(err, notify.ErrTooSoon) {
				t.Fatal(err)
			}
			_, err := m.Choose(ctx, ada, between, "en", "")
			must(t, err)
		}
		if n := len(post.letters) - before; n != 1 {
			t.Errorf("%d letters within a minute, with %q between", n, between)
		}
	}
	h.Pass(2 * time.Minute)
	before := len(post.letters)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { _, _ = m.Choose(ctx, ada, notify.ChannelMail, "en", "stranger@mail.example") })
	}
	group.Wait()
	if n := len(post.letters) - before; n != 1 {
		t.Errorf("%d letters to who asks for many at once", n)
	}
	_, err = m.Choose(ctx, ada, "", "en", "")
	must(t, err)
	if c, err := m.Choice(ctx, ada); err == nil && (c.Channel != "" || len(c.Address) != 0) {
		t.Errorf("who wants to hear no more is known by %+v", c)
	}
	h.Granted(ctx, ada, h.passkey)
	h.Pass(time.Hour)
	must(t, n.Round(ctx))
	if _, err := m.Choice(ctx, ada); !errors.Is(err, notify.ErrNoChoice) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestNewSMTPRefuses(t *testing.T) {
	for _, tt := range [][2]string{{"http://mail.example", "a@b.example"}, {"smtp://u:p@mail.example", "a@b.example"}, {"smtps://mail.example", ""}, {"smtps://mail.example", "nonsense"}, {"smtp:", "a@b.example"}, {"smtp://mail.example:0", "a@b.example"}, {"smtp://mail.example:99999999999999999999", "a@b.example"}} {
		if _, err := notify.NewSMTP(tt[0], tt[1], "", "", false); err == nil {
			t.Errorf("%v is taken", tt)
		}
	}
	post := newPostOffice(t)
	strict, err := notify.NewSMTP("smtp://"+post.Addr().String(), "hub@hub.example", "", "", false)
	must(t, err)
	if err := strict.Send(context.Background(), "a@b.example", "s", "t"); err == nil || len(post.letters) != 0 || strings.Contains(err.Error(), "a@b") {
		t.Errorf("without TLS: %v, %d letters", err, len(post.letters))
	}
}

func TestFileSink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.jsonl")
	h, m, n := told(t, func(m *notify.Messages) { m.File = &notify.FileSink{Path: path} })
	_, err := m.Choose(t.Context(), ada, notify.ChannelFile, "ko", "")
	must(t, err)
	h.Granted(t.Context(), ada, h.passkey)
	must(t, n.Round(t.Context()))
	raw, err := os.ReadFile(path)
	must(t, err)
	var line struct{ Lang, Subject, Text string }
	if err := json.Unmarshal(raw, &line); err != nil || line.Lang != "ko" || !strings.Contains(line.Text, "/me/history") {
		t.Errorf("%s, %v", raw, err)
	}
	// Without that channel the choice counts for nothing.
	m.File = nil
	h.Granted(t.Context(), ada, h.passkey)
	h.Pass(time.Hour)
	must(t, n.Round(t.Context()))
	if _, err := m.Choice(t.Context(), ada); !errors.Is(err, notify.ErrNoChoice) {
		t.Errorf("%v", err)
	}
}

// What a server says of an address is told apart from what it says of itself, and
// neither names the address.
func TestMailThatIsRefused(t *testing.T) {
	gone := newPostOffice(t)
	must(t, gone.Close())
	for name, c := range map[string]struct {
		rcpt, says string
		post       *postOffice
	}{
		"it says that there is no such address":            {"550 no such user", notify.ErrAddress.Error(), newPostOffice(t)},
		"it says that the server does not take it now":     {"450 busy", "mail: sending SMTP RCPT TO command", newPostOffice(t)},
		"it says that the server cannot be reached at all": {"", "mail: the server cannot be reached", gone},
	} {
		t.Run(name, func(t *testing.T) {
			c.post.rcpt = c.rcpt
			smtp, err := notify.NewSMTP("smtp://"+c.post.Addr().String(), "hub@hub.example", "", "", true)
			must(t, err)
			err = smtp.Send(t.Context(), "someone@mail.example", "s", "t")
			if err == nil || err.Error() != c.says {
				t.Errorf("%v, want %s", err, c.says)
			}
		})
	}
}

// A code is sent for what is kept alone.
func TestNoCodeForALostChoice(t *testing.T) {
	for _, kept := range []bool{false, true} {
		post := newPostOffice(t)
		smtp, err := notify.NewSMTP("smtp://"+post.Addr().String(), "hub@hub.example", "", "", true)
		must(t, err)
		h, m, _ := told(t, func(m *notify.Messages) { m.Mail = smtp })
		m.Choices = &forgetful{Choices: m.Choices, kept: kept}
		if _, err := m.Choose(t.Context(), ada, notify.ChannelMail, "en", "someone@mail.example"); !errors.Is(err, errLost) || len(post.letters) != 0 {
			t.Errorf("kept=%v: %v, %d letters", kept, err, len(post.letters))
		}
		h.Pass(2 * time.Minute)
		if _, err := m.Choose(t.Context(), ada, notify.ChannelMail, "en", "someone@mail.example"); err != nil || len(post.letters) != 1 {
			t.Errorf("kept=%v, once more: %v, %d letters", kept, err, len(post.letters))
		}
	}
}

// forgetful breaks the first write of a choice: lost, or lost but kept.
type forgetful struct {
	notify.Choices
	kept, hit bool
}

func (f *forgetful) PutChoice(ctx context.Context, c notify.Choice) error {
	if f.hit {
		return f.Choices.PutChoice(ctx, c)
	}
	if f.hit = true; f.kept {
		if err := f.Choices.PutChoice(ctx, c); err != nil {
			return err
		}
	}
	return errLost
}
