package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// accepted are the licences under which we link other people's code, by their
// SPDX identifiers, with what each asks of whoever passes our programs on.
var accepted = map[string]string{
	"Apache-2.0":   "keep the licence and its NOTICE",
	"BSD-2-Clause": "keep the notice",
	"BSD-3-Clause": "keep the notice",
	"ISC":          "keep the notice",
	"MIT":          "keep the notice",
	"Unlicense":    "nothing: its authors gave it to the public domain",
	"blessing":     "nothing: SQLite is in the public domain",
	"MPL-2.0":      "keep the notice; a changed file of theirs stays under MPL-2.0 and is offered as source: we change none",
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-._].*)?$`)

// read are texts that a person read, since they tell of several works, by their
// SHA-256: a changed text is read again.
var read = map[string][]string{
	// modernc.org/libc LICENSE-3RD-PARTY.md: Go, musl with its parts, go-netdb, nixpkgs.
	"f597097efe3d97021f89170746bd3a0fb9a8b6fb26b82043ed68a4e0283bee6c": {"BSD-2-Clause", "BSD-3-Clause", "MIT"},
	// modernc.org/sqlite LICENSE-3RD-PARTY.md: section 1 alone is linked.
	"4194f8e7119be72babd499db4f6f1f7547e36e8a7bffcb2b9c8df241b8f1576a": {"BSD-3-Clause", "MIT", "blessing"},
	// modernc.org/sqlite LICENSE-SQLITE.
	"8438c9c89b849131ead81d5435cb97fcf052df5b0b286dda8a2d4c29e6cb3fd0": {"blessing"},
	// modernc.org/memory LICENSE-LOGO: where a picture is from, which nothing embeds.
	"5ae5bee3072a841376451b48d8cfcec7188e10543926d5870828d36c8a750dc5": {},
}

// licenceOf names the licences of a module's own texts, in alphabetical order.
func licenceOf(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		found, err := recognise(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, entry.Name()), err)
		}
		ids = append(ids, found...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func recognise(text []byte) ([]string, error) {
	if ids, ok := read[fmt.Sprintf("%x", sha256.Sum256(text))]; ok {
		return ids, nil
	}
	cover := licensecheck.Scan(text)
	if len(cover.Match) == 0 || cover.Percent < 75 {
		return nil, fmt.Errorf("an unknown licence, %.0f%% of its text known: read it (tools/supply/licence.go)", cover.Percent)
	}
	var ids []string
	for _, m := range cover.Match {
		if !m.IsURL {
			ids = append(ids, m.ID)
		}
	}
	return ids, nil
}

// accept refuses a module without a licence or with one that we do not accept.
func accept(module string, ids []string) error {
	if len(ids) == 0 {
		return fmt.Errorf("%s has no licence", module)
	}
	for _, id := range ids {
		if _, ok := accepted[id]; !ok {
			return fmt.Errorf("%s is under %s, which is not on the list of licences that we accept (tools/supply/licence.go)", module, id)
		}
	}
	return nil
}

// standard is the Go distribution, whose library every binary holds.
func standard() (module, error) {
	root, err := goEnv("GOROOT")
	if err != nil {
		return module{}, err
	}
	m := module{Path: "std", Version: runtime.Version(), Dir: root}
	return m, m.judge()
}

func goEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output() //nolint:gosec // G204: a name of ours
	if err != nil {
		return "", fmt.Errorf("go env %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}
