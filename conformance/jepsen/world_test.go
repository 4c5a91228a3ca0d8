package jepsen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk"
)

const (
	dataSet  = "health-checkup"
	purpose  = "driving-licence-renewal"
	behind   = 20
	patience = 40 * time.Second
	postgres = "postgres"
)

// A world is one deployment with its agencies, their gates and their killer.
type world struct {
	*testing.T
	stage    *stage.Stage
	server   *stage.Postgres // nil: SQLite
	trust    consent.Trust
	history  *History
	gates    map[string]*gate
	programs map[string]program // what the stage does not start by itself
	victims  []string
	control  *http.Client

	words   sync.Mutex
	heard   map[string]int
	killing sync.Mutex
	kills   map[string]int
}

type program struct {
	path, address, ready string
	args                 []string
}

func newWorld(t *testing.T, server *stage.Postgres) *world {
	t.Helper()
	w := &world{T: t, server: server, history: newHistory(), gates: map[string]*gate{}, programs: map[string]program{}, kills: map[string]int{}, heard: map[string]int{},
		control: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	options := stage.Options{Behind: behind}
	var err error
	journal := ""
	if server != nil {
		if options.Database, err = server.Database(t.Context(), "hub"); err == nil {
			journal, err = server.Database(t.Context(), "journal")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if w.stage, err = stage.New(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			errs := w.stage.Errors()
			t.Log(errs[max(0, len(errs)-6000):])
			for name := range w.programs {
				t.Logf("%s: %s", name, w.stage.Tail(name))
			}
		}
		if err := w.stage.Close(); err != nil && !t.Failed() {
			t.Error(err)
		}
	})
	w.lay(journal)
	w.open()
	return w
}

func (w *world) addr(offset int) string { return "127.0.0.1:" + strconv.Itoa(w.stage.Base()+offset) }

// lay says which processes there are, and puts the gates before them.
func (w *world) lay(journal string) {
	w.Helper()
	s, self := w.stage, os.Args[0]
	provider := func(n int, address, journal string) {
		w.programs[fmt.Sprintf("provider-%d", n)] = program{self, address, "/healthz", []string{"provider", "-listen", address,
			"-keys", s.Path("agencies", "health-insurance"), "-trust", s.Path("trust"), "-journal", journal}}
	}
	hubs, providers := []string{s.Addr(stage.IDP)}, []string{s.Addr(stage.Insurer)}
	if w.server == nil {
		provider(1, providers[0], s.Path("provider.journal"))
		w.victims = []string{stage.IDP, "provider-1", "consumer"}
	} else {
		hubs, providers = append(hubs, w.addr(5)), append(providers, w.addr(6))
		provider(1, providers[0], journal)
		provider(2, providers[1], journal)
		w.programs["hub-2"] = program{s.Program("idp"), hubs[1], "/readyz", []string{"serve", "--data", s.Data(), "--development", "--issuer", s.URL(stage.IDP),
			"--database", s.Database(), "--register", s.Path("residents.csv"), "--log-policy", s.Path("log-policy.txt"), "--agency-ca", s.Path("agencies", "ca.pem"),
			"--wallet", s.URL(stage.Wallet), "--listen", hubs[1], "--socket", s.Path("2.sock")}}
		w.victims = []string{stage.IDP, "hub-2", "provider-1", "provider-2", "consumer", postgres}
	}
	w.programs["consumer"] = program{self, s.Addr(stage.Licence), "/healthz", []string{"consumer", "-listen", s.Addr(stage.Licence),
		"-keys", s.Path("agencies", "driving-licence"), "-trust", s.Path("trust"), "-journal", s.Path("consumer.journal"),
		"-client", "driving-licence", "-redirect", s.URL(stage.Licence) + "/callback"}}
	gate := func(name, as string, targets ...string) {
		w.gates[as] = openGate(w.T, w.history, w.addr(s.Port(name)-s.Base()+behind), targets...)
	}
	gate(stage.IDP, "hub", hubs...)
	gate(stage.Insurer, "provider", providers...)
	gate(stage.Licence, "consumer", s.Addr(stage.Licence))
	for n := range 3 {
		gate(stage.Witness(n+1), stage.Witness(n+1), s.Addr(stage.Witness(n+1)))
	}
}

func (w *world) open() {
	w.Helper()
	ctx := w.Context()
	if err := errors.Join(w.stage.StartStory(ctx), w.stage.StopStory()); err != nil {
		w.Fatal(err)
	}
	for _, name := range []string{stage.Witness(1), stage.Witness(2), stage.Witness(3), stage.IDP} {
		if err := errors.Join(w.stage.Start(name), w.stage.Wait(ctx, name)); err != nil {
			w.Fatal(err)
		}
	}
	for name := range w.programs {
		if err := w.start(ctx, name); err != nil {
			w.Fatal(err)
		}
	}
	var err error
	if w.trust, err = consent.LoadTrust(os.DirFS(w.stage.Path("trust"))); err != nil {
		w.Fatal(err)
	}
}

// start starts a process and waits until it is ready.
func (w *world) start(ctx context.Context, name string) error {
	p, ours := w.programs[name]
	if !ours {
		return errors.Join(w.stage.Start(name), w.stage.Wait(ctx, name))
	}
	if err := w.stage.Launch(name, p.path, p.args...); err != nil {
		return err
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(15 * time.Millisecond) {
		if res, err := w.control.Get("http://" + p.address + p.ready); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if w.stage.PID(name) == 0 {
			break
		}
	}
	return fmt.Errorf("%s is not ready: %s", name, w.stage.Tail(name))
}

// strike kills and starts again, one at a time.
func (w *world) strike(victim string) {
	w.killing.Lock()
	defer w.killing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.kills[victim]++
	var err error
	if victim == postgres {
		w.server.Kill()
		err = w.server.Start(ctx)
	} else if err = w.stage.Kill(victim); err == nil {
		err = w.start(ctx, victim)
	}
	if err != nil {
		w.Errorf("after a kill: %v", err)
	}
}

// tell has the consumer's program do something. An error: it died meanwhile.
func (w *world) tell(ctx context.Context, call Call) (Told, error) {
	var told Told
	body, err := json.Marshal(call)
	if err != nil {
		return told, err
	}
	began := w.history.now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.stage.Addr(stage.Licence)+"/do", bytes.NewReader(body))
	if err != nil {
		return told, err
	}
	res, err := w.control.Do(req)
	if err != nil {
		return told, err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
		return told, err
	}
	w.said(call.Do, told.Word, told.Err)
	for _, g := range told.Got {
		w.history.add(Op{Kind: OpGot, Grant: g.Grant, Use: g.Use, Plain: g.Evidence, Call: began, Outcome: Yes})
	}
	return told, nil
}

// said counts what came of everything, for whoever reads the log.
func (w *world) said(do, word, text string) {
	if word == "" || word == "refused" || word == "invalid_authorization_details" {
		word = text[:min(len(text), 240)]
	}
	w.words.Lock()
	defer w.words.Unlock()
	w.heard[do+": "+word]++
}

// until tries until it is done.
func (w *world) until(what string, try func(context.Context) error) bool {
	var last error
	pause := 10 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end) && w.Context().Err() == nil; time.Sleep(pause) {
		if last = try(w.Context()); last == nil {
			return true
		}
		pause = min(pause*3/2, time.Second)
	}
	w.Errorf("%s: given up: %v", what, last)
	return false
}

func (w *world) need(sub string, uses int) sdk.Need {
	return sdk.Need{Subject: sub, DataSet: dataSet, Purpose: purpose, Claims: []string{"vision_ok", "hearing_ok"}, Optional: []string{"checked_on"},
		Uses: uses, For: 30 * 24 * time.Hour, KeepDays: 30}
}

// audit walks the published log, and then the database of a hub that is stopped.
func (w *world) audit() error {
	_, err := w.stage.Command(w.Context(), "idp", "audit", "--log", w.stage.URL(stage.IDP), "--trust", w.stage.Path("trust"))
	if err != nil {
		return err
	}
	if err := errors.Join(w.stage.Stop("hub-2"), w.stage.Stop(stage.IDP)); err != nil {
		return err
	}
	out, err := w.stage.Command(w.Context(), "idp", "audit", "--database", w.stage.Database(), "--trust", w.stage.Path("trust"))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// promises are those that an agency holds, or found broken, once the log had time.
func (w *world) promises(agency string) (p promised) {
	address := "http://" + w.programs[agency].address + "/promises"
	w.until("the promises of "+agency, func(context.Context) error {
		res, err := w.control.Get(address)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		p = promised{}
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Err != "" {
			return errors.Join(err, errors.New(p.Err))
		}
		if len(p.Held) > 0 && len(p.Broken) == 0 {
			return fmt.Errorf("%d are open", len(p.Held))
		}
		return nil
	})
	return p
}
