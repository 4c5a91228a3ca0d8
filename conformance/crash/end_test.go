package crash

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/conformance/wallet"
	"github.com/govmydata/mydata/sdk"
)

// once are requests that carry something that may be used once: a code, an
// offer, a nonce, a challenge, a request_uri, a proof, an assertion, an answer.
var once = []struct{ at, method, path string }{
	{stage.IDP, "GET", "/authorize"},
	{stage.IDP, "GET", "/authorize/callback"},
	{stage.IDP, "POST", "/par"},
	{stage.IDP, "POST", "/token"},
	{stage.IDP, "POST", "/credential"},
	{stage.IDP, "POST", "/login/finish"},
	{stage.IDP, "POST", "/enrol/finish"},
	{stage.IDP, "POST", "/approval/*/finish"},
	{stage.Verifier, "POST", "/response/*"},
	{stage.Licence, "GET", "/callback"},
	{stage.Wallet, "POST", "/accept"},
	{stage.Wallet, "POST", "/answer"},
}

// repeated may be sent again, and change nothing more.
var repeated = []struct{ at, method, path string }{
	{stage.IDP, "POST", "/agency/commits"},
	{stage.IDP, "POST", "/agency/received"},
	{stage.IDP, "POST", "/me/consents/*/withdraw"},
	{stage.Insurer, "POST", "/release"},
	{stage.Licence, "POST", "/renewal/*/again"},
}

func (p passage) in(list []struct{ at, method, path string }) bool {
	return slices.ContainsFunc(list, func(one struct{ at, method, path string }) bool {
		fits, err := path.Match(one.path, p.url.Path)
		return err == nil && fits && one.at == p.at && one.method == p.method
	})
}

// replay sends everything again that was carried out, byte for byte, to
// processes that have all been killed meanwhile.
func (w *world) replay() {
	w.Helper()
	var before, after []shown
	for _, k := range w.walks {
		before = append(before, k.look())
	}
	released := len(w.journal(stage.Insurer, "use"))
	sent := 0
	for _, p := range w.gates.forget() {
		onlyOnce := p.in(once)
		if !onlyOnce && !p.in(repeated) {
			continue
		}
		sent++
		if status := w.send(p); status >= 500 || onlyOnce && status < 400 {
			w.Errorf("%s %s%s was answered %d, and again %d", p.method, w.stage.URL(p.at), p.url.Path, p.status, status)
		}
	}
	for _, k := range w.walks {
		after = append(after, k.look())
	}
	for i, k := range w.walks {
		was, is := before[i], after[i]
		if !reflect.DeepEqual(was.passkeys, is.passkeys) || !reflect.DeepEqual(was.credentials, is.credentials) ||
			!reflect.DeepEqual(was.consents, is.consents) || !reflect.DeepEqual(was.history, is.history) {
			w.Errorf("%s: what was repeated changed something:\n%+v\n%+v", k.resident, was, is)
		}
	}
	if now := len(w.journal(stage.Insurer, "use")); now != released {
		w.Errorf("the insurer released %d times, and %d after the repetition", released, now)
	}
	if sent < 20*len(w.walks) {
		w.Errorf("only %d requests were repeated", sent)
	}
}

func (w *world) send(p passage) int {
	w.Helper()
	p.url.Scheme, p.url.Host = "http", "localhost:"+strconv.Itoa(w.stage.Port(p.at)+behind)
	req, err := http.NewRequestWithContext(w.Context(), p.method, p.url.String(), bytes.NewReader(p.body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header = p.header
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// journal reads what an agency keeps of one kind, as the file stands.
func (w *world) journal(agency, kind string) []sdk.Entry {
	w.Helper()
	copied := filepath.Join(w.TempDir(), "journal")
	text := read(w.T, w.stage.Path(agency, "journal"))
	write(w.T, copied, text)
	j, err := sdk.OpenFileJournal(copied)
	if err != nil {
		w.Fatal(err)
	}
	defer j.Close()
	all, err := j.List(w.Context(), kind)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// end stops everything, audits the database, and holds hub, provider and
// consumer against one another.
func (w *world) end() {
	w.Helper()
	final := map[string][]string{} // commits by grant
	cards := map[string]string{}
	for _, k := range w.walks {
		k.check()
		for grant, r := range k.look().receipts {
			final[grant] = r.Commits
		}
	}
	for _, name := range slices.Backward(stage.Names()) {
		if err := w.stage.Stop(name); err != nil {
			w.Error(err)
		}
	}
	if out, err := w.stage.Command(w.Context(), "idp", "audit", "--database", w.stage.Database(), "--trust", w.stage.Path("trust")); err != nil {
		w.Errorf("%v\n%s", err, out)
	}
	w.checkProvider(final)
	w.checkConsumer(final)
	store, err := wallet.Open(w.stage.Path("wallet"))
	if err != nil {
		w.Fatal(err)
	}
	for _, card := range store.List() {
		cards[card.ID] = card.Token
	}
	w.checkIndexes(cards)
}

// checkProvider: the provider has released what the hub counted, byte for byte.
func (w *world) checkProvider(final map[string][]string) {
	theirs := map[string]string{}
	for _, e := range w.journal(stage.Insurer, "use") {
		var row struct {
			Commit, Promise string
		}
		if err := json.Unmarshal(e.Value, &row); err != nil {
			w.Fatal(err)
		}
		theirs[e.Key] = row.Commit
		if row.Promise == "" {
			w.Logf("the insurer has no promise for %s", e.Key)
		}
	}
	uses := 0
	for grant, commits := range final {
		uses += len(commits)
		for i, commit := range commits {
			key := grant + "/" + strconv.Itoa(i+1)
			if theirs[key] != commit {
				w.Errorf("hub and provider tell differently of %s", key)
			}
		}
	}
	if len(theirs) != uses {
		w.Errorf("the hub counted %d uses, the provider %d", uses, len(theirs))
	}
}

// checkConsumer: what the consumer has received is what the hub counted.
func (w *world) checkConsumer(final map[string][]string) {
	for _, e := range w.journal(stage.Licence, "send") {
		var row struct {
			Grant  string `json:"grant_id"`
			Use    int
			Answer *struct{ Commit string }
			Done   json.RawMessage
		}
		if err := json.Unmarshal(e.Value, &row); err != nil {
			w.Fatal(err)
		}
		commits := final[row.Grant]
		if row.Done != nil && (row.Answer == nil || row.Use > len(commits) || commits[row.Use-1] != row.Answer.Commit) {
			w.Errorf("the consumer received %s/%d, which the hub did not count", row.Grant, row.Use)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
