package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/govmydata/mydata/pkg/fetch"
)

// SMTP sends mail through one server.
type SMTP struct {
	host    string
	from    string
	options []mail.Option
}

// NewSMTP takes smtps://HOST[:PORT], or smtp://HOST[:PORT], which must offer
// STARTTLS unless it is this machine in development. user may be empty.
func NewSMTP(address, from, user, password string, loopback bool) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("mail: want smtps://host[:port] or smtp://host[:port]")
	}
	if err := mail.NewMsg().From(from); err != nil { // or each message ended here, unheard
		return nil, errors.New("mail-from: want the address that messages are from, as hub@id.example")
	}
	s := &SMTP{host: u.Hostname(), from: from, options: []mail.Option{mail.WithTimeout(pushTime)}}
	switch {
	case u.Scheme == "smtps":
		s.options = append(s.options, mail.WithSSLPort(false))
	case loopback && fetch.Loopback(s.host):
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		s.options = append(s.options, mail.WithTLSPortPolicy(mail.TLSMandatory))
	}
	if u.Port() != "" {
		port, _ := strconv.Atoi(u.Port()) // digits, by url.Parse; NewClient refuses what is no port
		s.options = append(s.options, mail.WithPort(port))
	}
	if user != "" {
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(user), mail.WithPassword(password))
	}
	if _, err = mail.NewClient(s.host, s.options...); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return s, nil
}

// Send implements Mailer. Its errors name no address.
func (s *SMTP) Send(ctx context.Context, to, subject, text string) error {
	m := mail.NewMsg()
	if err := errors.Join(m.From(s.from), m.To(to)); err != nil {
		return ErrAddress
	}
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, text)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, 5
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, m); err != nil {
		if failed, ok := errors.AsType[*mail.SendError](err); ok {
			if failed.Reason == mail.ErrSMTPRcptTo && !failed.IsTemp() {
				return ErrAddress
			}
			return fmt.Errorf("mail: %s", failed.Reason)
		}
		return errors.New("mail: the server cannot be reached")
	}
	return nil
}

// FileSink writes messages to a file, a JSON line each: for development, where
// nobody has a mail server.
type FileSink struct {
	Path string
	mu   sync.Mutex
}

func (f *FileSink) send(c Choice, subject, text string, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	line, err := json.Marshal(map[string]any{"at": at.UTC(), "citizen": c.Citizen, "lang": c.Lang, "subject": subject, "text": text})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}
