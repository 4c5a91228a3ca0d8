package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

const (
	phoneWidth, phoneHeight   = 360, 740
	narrowWidth, narrowHeight = 320, 640
)

// A browser is one Chromium process with a profile of its own.
type browser struct {
	ctx     context.Context
	cancel  func()
	profile string
}

func openBrowser(ctx context.Context, show bool) (*browser, error) {
	profile, err := os.MkdirTemp("", "mydata-chromium-")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(profile),
		chromedp.Flag("no-sandbox", os.Geteuid() == 0), // Chromium has no sandbox for root
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	if show {
		options = append(options, chromedp.VisibleWindow)
	}
	allocator, endAllocator := chromedp.NewExecAllocator(ctx, options...)
	root, endRoot := chromedp.NewContext(allocator)
	b := &browser{ctx: root, profile: profile, cancel: func() { endRoot(); endAllocator() }}
	if err := chromedp.Do(root); err != nil {
		b.close()
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return b, nil
}

func (b *browser) close() {
	b.cancel()
	os.RemoveAll(b.profile)
}

// A person is a browser window with cookies and a passkey authenticator of its
// own, and the complaints that its pages have raised.
type person struct {
	ctx            context.Context
	cancel         func()
	authenticators []webauthn.AuthenticatorID

	mu         sync.Mutex
	complaints []string
}

// person opens a window that no other window shares anything with.
func (b *browser) person(lang string) (*person, error) {
	p := &person{}
	p.ctx, p.cancel = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	err := chromedp.Do(p.ctx,
		chromedp.EmulateViewport(phoneWidth, phoneHeight, chromedp.EmulateScale(2), chromedp.EmulateMobile),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { return p.equip(ctx, t, lang) }),
	)
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("open a window: %w", err)
	}
	return p, nil
}

// equip gives the window its ears, its language and its authenticator.
func (p *person) equip(ctx context.Context, t *chromedp.Target, lang string) error {
	_, errNetwork := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
	_, errLog := cdp.Call(ctx, t, log.Enable, cdp.Empty{})
	_, errAgent := cdp.Call(ctx, t, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
		UserAgent:      "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
		AcceptLanguage: acceptLanguage(lang),
	})
	_, errEnable := cdp.Call(ctx, t, webauthn.Enable, webauthn.EnableParams{})
	errAdd := p.authenticator(ctx, t, webauthn.AuthenticatorTransportInternal)
	return errors.Join(errNetwork, errLog, errAgent, errEnable, errAdd)
}

// authenticator is one whose owner touches it at once and is recognised.
func (p *person) authenticator(ctx context.Context, t *chromedp.Target, transport webauthn.AuthenticatorTransport) error {
	added, err := cdp.Call(ctx, t, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol:                    webauthn.AuthenticatorProtocolCtap2,
			Transport:                   transport,
			HasResidentKey:              true,
			HasUserVerification:         true,
			IsUserVerified:              true,
			AutomaticPresenceSimulation: true,
		},
	})
	p.authenticators = append(p.authenticators, added.AuthenticatorID)
	return err
}

// scripts lets the window's pages run scripts, or not.
func (p *person) scripts(on bool) func() error {
	return func() error {
		return chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
			return err
		}))
	}
}

// secondDevice plugs in a security key beside the phone's own authenticator.
func (p *person) secondDevice() error {
	return chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		return p.authenticator(ctx, t, webauthn.AuthenticatorTransportUsb)
	}))
}

func acceptLanguage(lang string) string {
	if lang == "ko" {
		return "ko-KR,ko,en" // Chromium adds the weights
	}
	return "en-GB,en"
}

// newDevice is what a lost phone leaves: the same window, no passkey in it.
func (p *person) newDevice() error {
	return chromedp.Do(p.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, id := range p.authenticators {
			if _, err := cdp.Call(ctx, t, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: id}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// listen collects what no page may do.
func (p *person) listen(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && strings.HasPrefix(u.Scheme, "http") && u.Hostname() != "localhost" {
			p.complain("a request left this machine: " + u.Scheme + "://" + u.Host)
		}
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
			p.complain(e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		p.complain("script: " + e.ExceptionDetails.Text)
	}
}

func (p *person) complain(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, text)
}

// complained gives and forgets the complaints so far.
func (p *person) complained() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := p.complaints
	p.complaints = nil
	return found
}
