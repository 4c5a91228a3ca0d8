package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// axePath is where `npm ci` puts the rules; see package.json for the version.
const axePath = "node_modules/axe-core/axe.min.js"

func readAxe(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "conformance", "tour", axePath))
	if err != nil {
		return "", fmt.Errorf("the accessibility rules are missing; `npm ci --prefix conformance/tour` fetches them: %w", err)
	}
	return string(text), nil
}

const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
	resultTypes: ["violations"],
}).then(r => JSON.stringify(r.violations.map(v => ({
	id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.target.join(" ") + " :: " + n.failureSummary),
}))))`

type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

// accessible runs axe-core on the page as it stands. Evaluating through
// DevTools leaves the page's content security policy as it is.
func accessible(ctx context.Context, axe string) error {
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int](axe+";0")); err != nil {
		return fmt.Errorf("axe-core: %w", err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[string](runAxe, chromedp.EvalAwaitPromise))
	if err != nil {
		return fmt.Errorf("axe-core: %w", err)
	}
	var violations []violation
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		return fmt.Errorf("axe-core: %w", err)
	}
	var errs []error
	for _, v := range violations {
		errs = append(errs, fmt.Errorf("axe-core %s: %s\n    %s", v.ID, v.Help, strings.Join(v.Nodes, "\n    ")))
	}
	return errors.Join(errs...)
}

// fits looks for what would have to be scrolled sideways, on the phone, and on the
// smallest with text of twice the size (WCAG 2.2, 1.4.4 and 1.4.10).
func fits(ctx context.Context) error {
	for _, phone := range []struct {
		width, height int64
		text          string
	}{{narrowWidth, narrowHeight, "200%"}, {phoneWidth, phoneHeight, "100%"}} {
		if err := chromedp.Do(ctx, size(phone.width, phone.height)); err != nil {
			return err
		}
		script := `(() => {
			const root = document.documentElement;
			root.style.fontSize = "` + phone.text + `";
			const over = root.scrollWidth - root.clientWidth;
			let worst = "";
			if (over > 1) for (const e of document.querySelectorAll("main *")) {
				if (e.getBoundingClientRect().right > root.clientWidth + 1) { worst = e.tagName + "." + e.className; break; }
			}
			root.style.fontSize = "";
			return over > 1 ? over + " px, first by " + worst : "";
		})()`
		wide, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		if err != nil {
			return err
		}
		if wide != "" {
			return fmt.Errorf("the page is wider than a phone of %d px at %s text: %s", phone.width, phone.text, wide)
		}
	}
	return nil
}
