package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

type module struct {
	Path, Version, Dir string
	Main               bool
	licences           []string
}

func (m *module) judge() (err error) {
	if m.licences, err = licenceOf(m.Dir); err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	return accept(m.Path, m.licences)
}

// linked lists the modules of which a package holds something, on the platform
// that we release for: other platforms leave some out and add none of note.
func linked(pkg string) ([]module, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Module", pkg) //nolint:gosec // G204: a package of ours
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pkg, err)
	}
	var all []module
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ Module *module }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if p.Module != nil && !p.Module.Main {
			all = append(all, *p.Module)
		}
	}
}

// licences is docs/licences.md for some packages.
func licences(packages []string) (string, error) {
	modules, users := map[string]module{}, map[string][]string{}
	for _, pkg := range packages {
		list, err := linked(pkg)
		if err != nil {
			return "", err
		}
		for _, m := range list {
			modules[m.Path] = m
			if name := path.Base(pkg); !slices.Contains(users[m.Path], name) {
				users[m.Path] = append(users[m.Path], name)
			}
		}
	}
	std, err := standard()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, head, strings.Join(std.licences, ", "))
	for _, at := range slices.Sorted(maps.Keys(modules)) {
		m := modules[at]
		if err := m.judge(); err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", m.Path, m.Version, strings.Join(m.licences, ", "), strings.Join(users[at], " "))
	}
	out.WriteString("\n## What they ask of whoever passes our programs on\n")
	for _, id := range slices.Sorted(maps.Keys(accepted)) {
		fmt.Fprintf(&out, "- %s: %s\n", id, accepted[id])
	}
	return out.String(), nil
}

const head = `# Licences of what we link

Written by ` + "`make licences`" + ` from the modules that the linker takes and from the licence texts
that they ship; a test compares it. A module under another licence than those at the end is
refused. Our own code is under [Apache-2.0](../LICENSE). Tools that only build and test
(` + "`tools/go.mod`" + `, Chromium, PostgreSQL, axe-core) are not linked and not listed.

Each program also holds Go's own library (%s). ` + "`make sbom`" + ` writes the same for each
binary in a machine's form.

| module | version | licence | linked into |
|---|---|---|---|
`
