package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// A letter is what an operator would have sent to a resident: a one-time code.
type letter struct {
	URL  string    `json:"url"`
	Code string    `json:"code"`
	At   time.Time `json:"at"`
}

// letterLife is shorter than the seven days for which the hub takes a code.
const letterLife = 6 * 24 * time.Hour

type citizen struct {
	Resident  string `json:"resident"`
	NameKo    string `json:"name_ko"`
	NameLatin string `json:"name_latin"`
	Enrolled  bool   `json:"enrolled"`
}

// guide prints what to open, and the enrolment links of those who need one.
func (s *stage) guide(ctx context.Context, out io.Writer, took time.Duration) error {
	citizens, letters, err := s.letters(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `
Everything runs on this machine, ready in %.1f s, kept in %s (logs in %s).
Ctrl-C stops it. Every resident is invented.

1. Enrol one of them: open the link, let your device make a passkey.

`, took.Seconds(), s.data, s.logs)
	for _, c := range citizens {
		where := letters[c.Resident].URL
		if c.Enrolled {
			where = "enrolled"
		}
		fmt.Fprintf(out, "     %-12s %s %-14s %s\n", c.Resident, c.NameKo, c.NameLatin, where)
	}
	fmt.Fprintf(out, `
2. %s  idp: your dashboard. "Add to phone", then "Open in demo wallet".
3. %s  verifier: ask for the mobile ID; answer in the demo wallet.
4. %s  licence: renew with one fact from the health insurer.
   %s  insurer: what left, and what was dropped.
5. %s  again: history, receipt, withdraw. Then check the receipt offline:

     %s receipt verify FILE --trust %s
     %s audit --log %s --trust %s

6. %s  extract: the resident extract of the town hall, for the demo wallet.
   %s  portal: housing benefit, with facts of two agencies on one page.
   %s  the demo wallet by itself. "make tour" walks all this by itself.
`, s.idp.url(), s.verifier.url(), s.licence.url(), s.insurer.url(), s.idp.url(),
		filepath.Join(s.bin, "idp"), s.path("trust"), filepath.Join(s.bin, "idp"), s.idp.url(), s.path("trust"), s.extract.url(), s.portal.url(), s.wallet.url())
	s.anchors(out)
	return nil
}

// letters has a code made for everybody who is not enrolled and has none that
// still works.
func (s *stage) letters(ctx context.Context) ([]citizen, map[string]letter, error) {
	text, err := s.command(ctx, "enrol", "--list", "--json", "--data", s.data)
	if err != nil {
		return nil, nil, err
	}
	var citizens []citizen
	if err := json.Unmarshal(text, &citizens); err != nil {
		return nil, nil, fmt.Errorf("idp enrol --list: %w", err)
	}
	letters, err := s.readLetters()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range citizens {
		if old, ok := letters[c.Resident]; c.Enrolled || ok && s.now().Sub(old.At) < letterLife {
			continue
		}
		text, err := s.command(ctx, "enrol", "--resident", c.Resident, "--json", "--data", s.data)
		if err != nil {
			return nil, nil, err
		}
		l := letter{At: s.now()}
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, nil, fmt.Errorf("idp enrol: %w", err)
		}
		letters[c.Resident] = l
	}
	return citizens, letters, writeJSON(s.lettersPath(), letters, 0o600)
}

// lettersPath has the port in its name: a link is worth nothing at another one.
func (s *stage) lettersPath() string {
	return s.path("letters", fmt.Sprintf("%d.json", s.idp.port+s.idp.behind))
}

func (s *stage) readLetters() (map[string]letter, error) {
	letters := map[string]letter{}
	text, err := os.ReadFile(s.lettersPath())
	if errors.Is(err, fs.ErrNotExist) {
		return letters, nil
	}
	if err != nil {
		return nil, err
	}
	return letters, json.Unmarshal(text, &letters)
}
