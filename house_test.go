package mydata_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/govmydata/mydata/"

// The maxima a reader meets. A file that outgrows them is two things.
const (
	maxFileLines = 400
	maxFuncLines = 60
	maxMainLines = 90
)

// A row says which of our packages may be imported directly by packages that
// match `from`, and what those packages must not reach, even indirectly. The
// reason is what a failing build tells its author.
//
// A pattern is a folder; "x/..." also names what lies below x.
type row struct {
	from   string
	may    string
	never  string // reached through any number of imports
	direct string // imported by the package itself
	reason string
}

const formats = "pkg/credential/sdjwt pkg/credential/statuslist pkg/credential/mdoc pkg/credential/vcjose"

var table = []row{
	{from: "pkg/dpop", may: "pkg/jcs pkg/jws",
		reason: "words at the ground; a proof is read in the one spelling that nearly all have"},
	{from: "pkg/signal", may: "pkg/jws",
		reason: "words at the ground, signed as all that we sign"},
	{from: "pkg/fetch pkg/legible pkg/jcs pkg/jws pkg/tlog pkg/consent/envelope",
		reason: "words at the ground know nothing else of ours"},
	{from: "pkg/did", may: "pkg/fetch",
		reason: "a DID's words are ground; a document of did:web comes through the one door to strangers' addresses"},
	{from: "pkg/consent/approval", may: "pkg/jcs pkg/jws",
		reason: "words at the ground, digested in their one spelling"},
	{from: "pkg/catalogue", may: "pkg/legible pkg/jcs pkg/jws",
		reason: "a catalogue is words at the ground; what may stand in its texts holds for others' texts too"},
	{from: "pkg/tlog/endorsement", may: "pkg/tlog",
		reason: "an anchor proof is read with the log's words alone"},
	{from: "pkg/tlog/mirror", may: "pkg/tlog",
		reason: "a copy of a log is made with the log's words alone"},
	{from: "pkg/credential/sdjwt", may: "pkg/jws",
		reason: "a format knows bytes, not policy"},
	{from: "pkg/credential/statuslist", may: "pkg/fetch",
		reason: "a format knows bytes, not policy; lists come through the one door to strangers' addresses"},
	{from: "pkg/credential/mdoc",
		reason: "a format knows bytes, not policy"},
	{from: "pkg/credential/vcjose", may: "pkg/credential/sdjwt",
		reason: "a format knows bytes, not policy"},
	{from: "pkg/credential", may: formats + " pkg/did pkg/fetch pkg/tlog pkg/signal",
		reason: "credentials are judged without consent and without a transport protocol"},
	{from: "pkg/credential/openid4vci", may: "pkg/credential " + formats,
		reason: "the two protocols share credentials, never each other"},
	{from: "pkg/credential/openid4vp", may: "pkg/credential pkg/legible " + formats,
		reason: "the two protocols share credentials, never each other; texts that a person authorizes have to be legible"},
	{from: "pkg/consent", may: "pkg/did pkg/jcs pkg/jws pkg/tlog pkg/signal pkg/catalogue pkg/consent/approval",
		never:  "pkg/credential/... pkg/consent/envelope",
		reason: "the ledger decides about terms; it can neither read nor seal what is transferred"},
	{from: "pkg/consent/transfer pkg/consent/memory",
		may:    "pkg/consent pkg/did pkg/jcs pkg/jws pkg/tlog pkg/signal pkg/catalogue pkg/consent/approval pkg/dpop pkg/credential/sdjwt",
		reason: "the checks of a transfer stand on consent, not on one another"},
	{from: "pkg/consent/receipt",
		may:    "pkg/consent pkg/did pkg/jcs pkg/jws pkg/tlog pkg/tlog/endorsement pkg/signal pkg/catalogue pkg/consent/approval pkg/dpop pkg/credential/sdjwt",
		reason: "a receipt verifies offline, with consent's words and the log's"},
	{from: "pkg/consent/receipt/reading", may: "pkg/jcs pkg/consent pkg/consent/receipt pkg/tlog/endorsement",
		reason: "what a browser runs is the receipt's own check and little else"},
	{from: "internal/idp/offline/wasm", may: "pkg/consent/receipt/reading",
		reason: "the page's checker is that package and the bytes that go in and out"},
	{from: "pkg/audit", may: "pkg/...",
		reason: "an auditor reads with the same words as everybody"},
	{from: "pkg/...", never: "internal/... cmd/... sdk/... conformance/... examples/... github.com/hyperledger/...", direct: "std/database/sql",
		reason: "pkg is the ground: anybody may build on it, it builds on nobody"},
	{from: "sdk/...", may: "pkg/... sdk/...",
		never: "internal/... modernc.org/sqlite/... github.com/jackc/... github.com/cockroachdb/... " +
			"github.com/hyperledger/... github.com/zitadel/oidc/v3/pkg/op/... github.com/pressly/goose/v3/...",
		reason: "an agency that imports the SDK gets no SQL driver, no ledger network and no OpenID provider"},
	{from: "internal/oauth", may: "pkg/... internal/keys internal/registry",
		reason: "the authorization server asks keys and registry; consent reaches it as a registered type"},
	{from: "internal/notify", may: "pkg/... internal/registry",
		reason: "engines meet in cmd, save where the house names the pair"},
	{from: "internal/monitor", may: "pkg/... internal/witness internal/durable",
		reason: "engines meet in cmd, save where the house names the pair"},
	{from: "internal/durable", reason: "a file is replaced without knowing what is in it"},
	{from: "internal/metrics internal/tracing",
		reason: "what looks from outside knows nothing of ours; cmd joins it to the hooks that others declare"},
	{from: "internal/service", may: "pkg/... internal/durable internal/limit internal/metrics internal/tracing internal/web",
		reason: "what services have in common as processes knows nothing of what they serve"},
	{from: "sdk/... pkg/...", never: "github.com/prometheus/... go.opentelemetry.io/otel/sdk/... go.opentelemetry.io/otel/exporters/...",
		reason: "agencies choose how they watch: the SDK has hooks"},
	{from: "internal/account internal/keys internal/registry internal/sequencer internal/anchor internal/witness internal/web internal/trail internal/limit internal/expiry internal/tally internal/erasure internal/death",
		may:    "pkg/... internal/durable",
		reason: "engines meet in cmd, save where the house names the pair"},
	{from: "internal/account internal/oauth internal/keys internal/registry internal/sequencer internal/anchor internal/witness internal/monitor internal/notify internal/web internal/trail internal/limit internal/expiry internal/tally internal/erasure internal/death",
		never:  "internal/store/... internal/idp/... internal/verifier/... internal/anchor/fabric",
		reason: "an engine declares what it stores; it knows neither SQL nor pages"},
	{from: "internal/store", may: "pkg/... internal/account internal/oauth internal/registry internal/sequencer internal/keys internal/witness internal/notify internal/anchor internal/trail internal/limit internal/tally internal/erasure internal/death internal/store/...",
		reason: "the storage adapter implements engines' interfaces and nothing else"},
	{from: "internal/idp/... internal/verifier/...",
		may:    "pkg/... internal/account internal/oauth internal/keys internal/registry internal/sequencer internal/anchor internal/witness internal/monitor internal/notify internal/web internal/trail internal/tally internal/erasure internal/death",
		direct: "std/database/sql",
		never:  "internal/store/... internal/anchor/fabric",
		reason: "a face holds pages and HTTP: no SQL, no adapter, no other flow"},
	{from: "internal/... cmd/...", never: "pkg/consent/envelope",
		reason: "the hub never sees what is transferred: nothing it is built from can open an envelope"},
	{from: "internal/... cmd/...", never: "sdk/... conformance/... examples/...",
		reason: "the SDK, the suite and the examples are strangers to the hub"},
	{from: "conformance/... examples/...", never: "internal/... cmd/...",
		reason: "strangers use the public doors"},
	{from: "conformance/stage conformance/figure conformance/rules",
		reason: "a stage knows programs and ports, a figure knows files, the rules know sources: nothing of ours"},
	{from: "conformance/citizen", may: "conformance/wallet",
		reason: "a person knows pages and a wallet, nothing of ours"},
	{from: "examples/insurer examples/licence examples/extract examples/portal", may: "sdk/... examples/page",
		reason: "an agency is built on the SDK alone"},
	{from: "examples/wallet", may: "pkg/... conformance/wallet",
		reason: "the demo wallet is the scripted wallet with a face"},
}

// homes are the third-party libraries of which one package of ours is the home.
var homes = []struct{ library, in, reason string }{
	{"github.com/zitadel/oidc/v3/pkg/op", "internal/oauth", "its traps are closed in one place"},
	{"github.com/go-webauthn/webauthn", "internal/account", "pkg checks assertions with the standard library; only account meets browsers' formats"},
	{"github.com/cockroachdb/cockroach-go", "internal/store", "off CockroachDB it loses acknowledged writes; only the store knows the difference"},
	{"github.com/jackc/pgx/v5", "internal/store internal/store/...", "drivers live with the SQL"},
	{"modernc.org/sqlite", "internal/store internal/store/...", "drivers live with the SQL"},
	{"github.com/pressly/goose", "internal/store", "migrations live with the SQL"},
	{"golang.org/x/mod", "pkg/tlog internal/sequencer internal/witness", "the Merkle log's arithmetic has one reader"},
	{"code.dny.dev/ssrf", "pkg/fetch", "what may be dialled is judged in one place"},
	{"github.com/gowebpki/jcs", "pkg/jcs", "canonical JSON has one maker"},
	{"github.com/santhosh-tekuri/jsonschema", "pkg/catalogue sdk", "schemas belong to the catalogue"},
	{"github.com/hyperledger/fabric-gateway", "internal/anchor/fabric", "a ledger network is one adapter among others"},
	{"github.com/hyperledger/fabric-protos-go-apiv2", "internal/anchor/fabric", "what leaves the adapter is bytes, read strictly"},
	{"google.golang.org/protobuf", "pkg/tlog/endorsement pkg/tlog/endorsement/endorsementtest internal/anchor/fabric", "one reader of Fabric's messages, in their one spelling"},
	{"github.com/SherClockHolmes/webpush-go", "internal/notify", "what is told to citizens has one home"},
	{"github.com/wneessen/go-mail", "internal/notify", "what is told to citizens has one home"},
	{"github.com/prometheus/client_golang", "internal/metrics", "a label is bounded in one place"},
	{"go.opentelemetry.io/otel", "internal/tracing", "what a span holds is decided in one place"},
	{"github.com/chromedp", "conformance/tour", "a browser walks the story; beside it only tests of single pages drive one"},
}

type pkgInfo struct {
	ImportPath string
	Dir        string
	Standard   bool
	Name       string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

var packages = sync.OnceValues(func() ([]pkgInfo, error) {
	out, err := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Dir,Standard,Name,GoFiles,Imports,Deps", "./...").Output()
	if err != nil {
		return nil, err
	}
	var all []pkgInfo
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkgInfo
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if strings.HasPrefix(p.ImportPath, module) && !strings.Contains(p.ImportPath, " ") {
			all = append(all, p)
		}
	}
})

func ours(t *testing.T) []pkgInfo {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return all
}

// folder names a package as the table does: ours by folder, the standard
// library's below std/, others by import path.
func folder(importPath string) string {
	if at, ours := strings.CutPrefix(importPath, module); ours {
		return at
	}
	if first, _, _ := strings.Cut(importPath, "/"); !strings.Contains(first, ".") {
		return "std/" + importPath
	}
	return importPath
}

// in tells whether a folder or import path matches one of the patterns.
func in(path, patterns string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(pattern string) bool {
		if below, ok := strings.CutSuffix(pattern, "/..."); ok {
			return path == below || strings.HasPrefix(path, below+"/")
		}
		return path == pattern
	})
}

func TestImports(t *testing.T) {
	for _, r := range table {
		for _, p := range ours(t) {
			if in(folder(p.ImportPath), r.from) {
				r.check(t, p)
			}
		}
	}
}

func (r row) check(t *testing.T, p pkgInfo) {
	t.Helper()
	at := folder(p.ImportPath)
	for _, path := range p.Imports {
		ours := strings.HasPrefix(path, module)
		if ours && (r.may != "" || r.never == "" && r.direct == "") && !in(folder(path), r.may) {
			t.Errorf("%s imports %s: %s", at, folder(path), r.reason)
		}
		if in(folder(path), r.direct) {
			t.Errorf("%s imports %s: %s", at, path, r.reason)
		}
	}
	for _, path := range p.Deps {
		if in(folder(path), r.never) {
			t.Errorf("%s reaches %s: %s", at, folder(path), r.reason)
		}
	}
}

func TestFlowsDoNotMeet(t *testing.T) {
	for _, p := range ours(t) {
		at := folder(p.ImportPath)
		for _, path := range p.Imports {
			face := func(s string) bool { return in(s, "internal/idp/... internal/verifier/...") && s != "internal/idp" }
			if face(at) && face(folder(path)) {
				t.Errorf("%s imports %s: a flow is a folder of its own; cmd introduces them", at, folder(path))
			}
		}
	}
}

func TestHomes(t *testing.T) {
	for _, h := range homes {
		for _, p := range ours(t) {
			at := folder(p.ImportPath)
			for _, path := range p.Imports {
				if (path == h.library || strings.HasPrefix(path, h.library+"/")) && !in(at, h.in) {
					t.Errorf("%s imports %s, whose home is %s: %s", at, path, h.in, h.reason)
				}
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	vague := "util utils common helpers helper types models misc"
	for _, p := range ours(t) {
		if len(p.GoFiles) > 0 && !slices.Contains(p.GoFiles, "doc.go") {
			t.Errorf("%s has no doc.go: say what it does, by which sections, what it leaves out, what always holds", folder(p.ImportPath))
		}
		if in(p.Name, vague) || in(filepath.Base(p.Dir), vague) {
			t.Errorf("%s: name the thing, not the drawer it lies in", folder(p.ImportPath))
		}
	}
}

func TestSizes(t *testing.T) {
	for _, p := range ours(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			checkSize(t, file)
		}
	}
}

func checkSize(t *testing.T, file string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(src), "\n") - strings.Count(string(src), "\n//clause:"); n > maxFileLines {
		t.Errorf("%s has %d lines: at most %d, so that it is read in one sitting", file, n, maxFileLines)
	}
	for _, decl := range tree.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || strings.HasSuffix(file, "_test.go") {
			continue
		}
		limit := maxFuncLines
		if f.Name.Name == "main" {
			limit = maxMainLines
		}
		if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > limit {
			t.Errorf("%s: %s has %d lines: at most %d", set.Position(f.Pos()), f.Name.Name, n, limit)
		}
	}
}
