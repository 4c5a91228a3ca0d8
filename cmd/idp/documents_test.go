package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named are the commands that a document shows: lines of code, and code within lines.
var named = regexp.MustCompile("(?m)^    (?:bin/)?(idp [a-z].*)$|`(?:bin/)?(idp [a-z][^`]*)`")

// TestDocuments: each command that the documents name is there, with each of its flags.
func TestDocuments(t *testing.T) {
	seen := 0
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/adr/*.md", "../../deploy/*/README.md", "../../examples/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range named.FindAllStringSubmatch(string(text), -1) {
				seen++
				if fault := misnamed(match[1] + match[2]); fault != "" {
					t.Errorf("%s: %q: %s", filepath.Base(file), match[1]+match[2], fault)
				}
			}
		}
	}
	if seen < 80 {
		t.Errorf("%d commands are named: this looks for them in the wrong way", seen)
	}
}

// misnamed says what of a command line is not there.
func misnamed(line string) string {
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " | ") // other commands beside it
	words := strings.Fields(line)[1:]
	cmd, rest, err := newRootCommand().Find(words)
	if err != nil {
		return err.Error()
	}
	cmd.InitDefaultHelpFlag()
	if len(rest) > 0 && cmd.HasSubCommands() && !cmd.Runnable() {
		return "no such command below " + cmd.CommandPath()
	}
	for _, word := range words {
		name, isFlag := strings.CutPrefix(strings.TrimLeft(word, "["), "--")
		if name, _, _ = strings.Cut(strings.TrimRight(name, "],.;"), "="); isFlag && cmd.Flag(name) == nil {
			return "no flag --" + name
		}
	}
	return ""
}
