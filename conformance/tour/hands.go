package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// least is how high and wide, in CSS pixels, what a shaky hand has to meet must
// be (WCAG 2.2, 2.5.5); a link inside a sentence is as high as its line.
const least = 44

// hands looks for controls too small to meet.
const hands = `(() => {
	const sentence = e => e.tagName === "A" && getComputedStyle(e).display === "inline" &&
		[...e.parentElement.childNodes].some(n => n !== e && n.textContent.trim() !== "" && !/^[·,. ]+$/.test(n.textContent.trim()));
	const small = [];
	for (const e of document.querySelectorAll("a[href], button, input, select, textarea, summary")) {
		const box = (e.closest("label.tick") || e).getBoundingClientRect();
		if (box.width === 0 || e.matches(".skip") || sentence(e)) continue;
		if (box.width < 43.5 || box.height < 43.5) small.push(Math.round(box.width) + "x" + Math.round(box.height) + " " + e.tagName + " " + e.textContent.trim());
	}
	return small.join("; ");
})()`

// machine is what programs write and people do not say: dates and periods of
// ISO 8601, names of members, names of identifiers.
const machine = `(() => {
	const quoted = document.querySelectorAll("code, pre, blockquote, textarea, input");
	for (const e of quoted) e.style.display = "none";
	const found = document.body.innerText.match(/\b\d{4}-\d\d-\d\d\b|\bP\d+[DMYW]\b|\bPT\d+[HMS]\b|\burn:[a-z]\S+|\b[a-z]+_[a-z_]+\b/g);
	for (const e of quoted) e.style.display = "";
	return found ? found.join(", ") : "";
})()`

// plain looks at a page as it stands with the eyes and hands of old people.
func plain(ctx context.Context) error {
	var errs []error
	for _, look := range []struct{ script, what string }{
		{hands, fmt.Sprintf("controls of less than %d px: ", least)},
		{machine, "the page speaks as a machine does: "},
	} {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[string](look.script))
		if err != nil {
			return err
		}
		if found != "" {
			errs = append(errs, errors.New(look.what+found))
		}
	}
	return errors.Join(append(errs, told(ctx))...)
}

// told wants the name of each button and link to say by itself what it does: who
// hears only a list of them (WCAG 2.2, 2.4.9) meets no two of one name.
func told(ctx context.Context) error {
	var nodes []*accessibility.Node
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		tree, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		nodes = tree.Nodes
		return err
	}))
	if err != nil {
		return err
	}
	names, inMain := map[string]int{}, within(nodes)
	for _, n := range nodes {
		if role := value(n.Role); inMain[n.NodeID] && (role == "link" || role == "button" || role == "checkbox") {
			names[role+" "+value(n.Name)]++
		}
	}
	var twice []string
	for name, n := range names {
		if n > 1 {
			twice = append(twice, name)
		}
	}
	if len(twice) > 0 {
		return errors.New("several of one name: " + strings.Join(twice, "; "))
	}
	return nil
}

// within are the nodes that a page has of its own, inside its main part.
func within(nodes []*accessibility.Node) map[accessibility.NodeID]bool {
	inside := map[accessibility.NodeID]bool{}
	for _, n := range nodes { // parents come first
		inside[n.NodeID] = value(n.Role) == "main" || inside[n.ParentID]
	}
	return inside
}

// value is what the accessibility tree says of one thing.
func value(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // no text: none
	}
	return text
}

// size makes the window another phone.
func size(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 2, Mobile: true,
		})
		return err
	})
}
