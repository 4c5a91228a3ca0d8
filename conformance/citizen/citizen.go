package citizen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"
)

// A Citizen is one person with one phone. It does one thing at a time.
type Citizen struct {
	Hub   string // the hub's URL
	Name  string // for messages
	Lang  string // "ko" or "en"
	Phone *Phone
	Parts []string                    // of a bundle, those left ticked, from "1"; nil: all
	Seen  func(method string, p Page) // hears of every answer, before it is followed

	http *http.Client
	stop func(address string) bool // addresses that are not opened, but answered
}

// New is a person who has not enrolled.
func New(hub, name string) *Citizen {
	c := &Citizen{Hub: hub, Name: name, Lang: "ko", Phone: newPhone(hub)}
	c.http = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: 5 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.Forget()
	return c
}

// From makes the person's connections come from an address of this machine, as
// 127.0.0.2, where a budget is charged to the address.
func (c *Citizen) From(address string) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c.http.Transport.(*http.Transport).DialContext = dialer.DialContext
}

// Trust makes the person's browser believe these certificate authorities and no
// others.
func (c *Citizen) Trust(roots *x509.CertPool) {
	c.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
}

// Forget empties the cookie jar: another browser, the same phone.
func (c *Citizen) Forget() {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic("citizen: " + err.Error()) // it never fails without options
	}
	c.http.Jar = jar
}

// Cookies that the browser would send to an address.
func (c *Citizen) Cookies(address string) []*http.Cookie {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	return c.http.Jar.Cookies(u)
}

// SetCookie plants a cookie, as an attacker might.
func (c *Citizen) SetCookie(address string, cookie *http.Cookie) {
	if u, err := url.Parse(address); err == nil {
		c.http.Jar.SetCookies(u, []*http.Cookie{cookie})
	}
}

type next struct {
	Next string `json:"next"`
}

// ceremony does what the passkey script does for one form: options, passkey,
// answer; and says where to go on.
func (c *Citizen) ceremony(ctx context.Context, f Form, fields any) (string, error) {
	var options json.RawMessage
	if err := c.Post(ctx, f.OptionsURL.String(), fields, &options); err != nil {
		return "", err
	}
	speak := c.Phone.Get
	if f.Passkey == "create" {
		speak = c.Phone.Create
	}
	credential, err := speak(options)
	if err != nil {
		return "", err
	}
	var on next
	if err := c.Post(ctx, f.DoneURL.String(), map[string]json.RawMessage{"credential": credential}, &on); err != nil {
		return "", err
	}
	to, err := f.DoneURL.Parse(on.Next)
	if err != nil {
		return "", fmt.Errorf("go on: %w", err)
	}
	return to.String(), nil
}

// Enrol makes a passkey with a letter's link or its code, and ends signed in.
// Repeated after an answer that was lost, it logs in with the passkey made.
func (c *Citizen) Enrol(ctx context.Context, letter string) error {
	link := letter
	if u, err := url.Parse(letter); err != nil || u.Host == "" {
		link = c.Hub + "/enrol?" + url.Values{"code": {letter}}.Encode()
	}
	page, err := c.Open(ctx, link)
	if err != nil {
		return fmt.Errorf("%s enrols: %w", c.Name, err)
	}
	form, ok := passkeyForm(page, "create")
	if !ok {
		return fmt.Errorf("%s enrols: the page has no form for it", c.Name)
	}
	before := len(c.Phone.Keys)
	_, err = c.ceremony(ctx, form, map[string]string{"code": form.Fields.Get("code")})
	if err != nil && before > 0 {
		again := c.Login(ctx)
		if again == nil {
			return nil
		}
		err = errors.Join(err, again)
	}
	if err != nil {
		return fmt.Errorf("%s enrols: %w", c.Name, err)
	}
	return nil
}

func passkeyForm(p Page, kind string) (Form, bool) {
	for _, f := range p.Forms {
		if f.Passkey == kind {
			return f, true
		}
	}
	return Form{}, false
}

// Login opens the login page and signs in; nothing happens when the browser is
// signed in already.
func (c *Citizen) Login(ctx context.Context) error {
	page, err := c.Open(ctx, c.Hub+"/login")
	if err == nil {
		_, err = c.signIn(ctx, page)
	}
	if err != nil {
		return fmt.Errorf("%s logs in: %w", c.Name, err)
	}
	return nil
}

// signIn uses the passkey if the page is the login's, and answers the page after
// it; any other page it hands back.
func (c *Citizen) signIn(ctx context.Context, page Page) (Page, error) {
	if page.URL.Path != "/login" {
		return page, nil
	}
	form, ok := passkeyForm(page, "get")
	if !ok {
		return page, errors.New("the login page has no form")
	}
	to, err := c.ceremony(ctx, form, struct{}{})
	if err != nil {
		return page, err
	}
	return c.Open(ctx, to)
}

// Logout ends the session.
func (c *Citizen) Logout(ctx context.Context) error {
	_, err := c.follow(ctx, http.MethodPost, c.Hub+"/logout", formType, nil)
	return err
}
