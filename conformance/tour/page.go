package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const patience = 20 * time.Second

// A walk is one person's way through the pages, with a screenshot of each.
type walk struct {
	*person
	lang, out, axe string
	shots          int
	say            func(format string, args ...any)
}

func (w *walk) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// get runs an action that answers something.
func get[T any](w *walk, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

func (w *walk) open(url string) error {
	if err := w.do(chromedp.Navigate(url)); err != nil {
		return w.trouble("open "+url, err)
	}
	return nil
}

// see waits until something that the CSS selector names is visible.
func (w *walk) see(selector string) error {
	if err := w.do(chromedp.WaitVisible(chromedp.CSS(selector))); err != nil {
		return w.trouble("see "+selector, err)
	}
	return nil
}

func (w *walk) click(selector string) error {
	s := chromedp.CSS(selector)
	if err := w.do(chromedp.WaitVisible(s), chromedp.ScrollIntoView(s), chromedp.Click(s)); err != nil {
		return w.trouble("click "+selector, err)
	}
	return nil
}

// press uses the keyboard alone: focus, then Enter.
func (w *walk) press(selector string) error {
	s := chromedp.CSS(selector)
	if err := w.do(chromedp.WaitVisible(s), chromedp.Focus(s), chromedp.SendKeys(s, "\r")); err != nil {
		return w.trouble("press "+selector, err)
	}
	return nil
}

func (w *walk) fill(selector, text string) error {
	s := chromedp.CSS(selector)
	if err := w.do(chromedp.WaitVisible(s), chromedp.Clear(s), chromedp.SendKeys(s, text)); err != nil {
		return w.trouble("fill "+selector, err)
	}
	return nil
}

func (w *walk) text(selector string) (string, error) {
	text, err := get(w, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		return "", w.trouble("read "+selector, err)
	}
	return strings.TrimSpace(text), nil
}

func (w *walk) count(selector string) (int, error) {
	return get(w, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
}

func (w *walk) here() string {
	url, _ := get(w, chromedp.Evaluate[string]("location.href")) // none while a page changes
	return url
}

// at waits until the address begins so, and the page is loaded.
func (w *walk) at(prefix string) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if strings.HasPrefix(w.here(), prefix) {
			if ready, err := get(w, chromedp.Evaluate[string]("document.readyState")); err == nil && ready == "complete" {
				return nil
			}
		}
		if time.Now().After(end) {
			return w.trouble("come to "+prefix, errors.New("waited in vain"))
		}
	}
}

// says wants the page to hold each of these words.
func (w *walk) says(words ...string) error {
	text, err := w.text("main")
	if err != nil {
		return err
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			return w.trouble(fmt.Sprintf("read %q", word), errors.New("the page does not say it"))
		}
	}
	return nil
}

// page ends the look at one page: screenshot, accessibility, language, width,
// complaints.
func (w *walk) page(name string) error {
	if err := w.see("main h1"); err != nil {
		return err
	}
	began := time.Now()
	defer func() { w.say("%s %s (%d ms)", w.lang, name, time.Since(began).Milliseconds()) }()
	if err := w.shoot(fmt.Sprintf("%02d-%s", w.shots, name)); err != nil {
		return err
	}
	w.shots++
	lang, err := get(w, chromedp.Evaluate[string]("document.documentElement.lang"))
	if err != nil {
		return w.trouble("read the language of "+name, err)
	}
	if lang != w.lang {
		return w.trouble("look at "+name, fmt.Errorf("it is in %q, wanted %q", lang, w.lang))
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := errors.Join(accessible(ctx, w.axe), fits(ctx), plain(ctx)); err != nil {
		return w.trouble("look at "+name, err)
	}
	if found := w.complained(); len(found) > 0 {
		return w.trouble("look at "+name, errors.New(strings.Join(found, "; ")))
	}
	return nil
}

func (w *walk) shoot(name string) error {
	if err := os.MkdirAll(filepath.Join(w.out, w.lang), 0o755); err != nil {
		return err
	}
	png, err := w.picture()
	if err != nil {
		return fmt.Errorf("screenshot %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(w.out, w.lang, name+".png"), png, 0o644)
}

// picture tries more than once: with several windows open, a headless Chromium
// now and then never answers for the one that it believes to be covered.
func (w *walk) picture() (png []byte, err error) {
	for range 8 {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		front := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.BringToFront, cdp.Empty{})
			return err
		})
		if err = chromedp.Do(ctx, front); err == nil {
			png, err = chromedp.Run(ctx, chromedp.FullScreenshot(100))
		}
		cancel()
		if err == nil {
			return png, nil
		}
		time.Sleep(250 * time.Millisecond) // between two documents there is no page to look at
	}
	return nil, err
}

// trouble tells where the walk stood, and leaves a last picture.
func (w *walk) trouble(what string, err error) error {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 1500)")) // an ornament, as is the picture
	_ = w.shoot(fmt.Sprintf("%02d-trouble", w.shots))
	return fmt.Errorf("%s: %s: %w\n  at %s\n  complaints: %v\n  ----\n%s", w.lang, what, err, w.here(), w.complained(), text)
}
