package rules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Packages hold the rules of the first path: what refuses is here, and the rest
// of the product asks it.
var Packages = []string{
	"pkg/dpop", "pkg/fetch", "pkg/jcs", "pkg/jws", "pkg/legible", "pkg/catalogue", "pkg/did", "pkg/signal", "pkg/tlog", "pkg/tlog/endorsement",
	"pkg/consent", "pkg/consent/approval", "pkg/consent/envelope", "pkg/consent/transfer", "pkg/consent/receipt",
	"pkg/credential", "pkg/credential/sdjwt", "pkg/credential/statuslist", "pkg/credential/openid4vci", "pkg/credential/openid4vp",
	"internal/account", "internal/oauth", "internal/witness", "internal/limit", "internal/durable", "internal/anchor",
	"internal/registry", "internal/erasure", "internal/death", "internal/notify", "internal/sequencer", "internal/tally", "internal/trail", "internal/expiry",
	"internal/keys", "internal/service", "internal/idp/login", "internal/idp/admin",
	"pkg/audit", "internal/monitor",
	"internal/idp/approval", "internal/idp/issuance", "internal/idp/document", "internal/idp/agency", "internal/idp/dashboard", "internal/verifier",
}

// A Line of docs/rules.txt: a guard with its test, or with the reason why no test
// misses it.
type Line struct {
	Key    string
	Test   string
	Reason string
}

func (l Line) String() string {
	if l.Test == "" {
		return l.Key + "\t- " + l.Reason
	}
	return l.Key + "\t" + l.Test
}

// ErrLine says that docs/rules.txt is not what this package writes.
var ErrLine = errors.New("malformed line of rules")

// ListFile is where the lines are, from the module's root.
const ListFile = "docs/rules.txt"

// Read gives the lines, by guard.
func Read(root string) (map[string]Line, error) {
	text, err := os.ReadFile(filepath.Join(root, ListFile))
	if errors.Is(err, os.ErrNotExist) {
		return map[string]Line{}, nil
	}
	if err != nil {
		return nil, err
	}
	lines := map[string]Line{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("%w: %q", ErrLine, line)
		}
		l := Line{Key: strings.Join(fields[:3], "\t"), Test: fields[3]}
		if reason, ok := strings.CutPrefix(fields[3], "- "); ok {
			l.Test, l.Reason = "", reason
		}
		if lines[l.Key].Key != "" || l.Test == "" && l.Reason == "" {
			return nil, fmt.Errorf("%w: %q", ErrLine, line)
		}
		lines[l.Key] = l
	}
	return lines, nil
}

const head = `# Each refusal of the packages that hold the rules: file, function, condition, and the test
# that fails when the condition is switched off, or "- " and why none does. Written by
# MYDATA_UPDATE=1 go test ./conformance/rules; tried one by one by make soak.
`

// Write keeps lines in the order of the sources.
func Write(root string, lines []Line) error {
	var out strings.Builder
	out.WriteString(head)
	for _, l := range lines {
		out.WriteString(l.String() + "\n")
	}
	return os.WriteFile(filepath.Join(root, ListFile), []byte(out.String()), 0o644)
}
