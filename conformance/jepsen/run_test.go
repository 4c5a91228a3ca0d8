package jepsen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/figure"
	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/receipt"
	"github.com/govmydata/mydata/sdk"
)

// A form is how much of the test is done.
type form struct{ schedules, kills int }

var forms = map[bool]map[string]form{
	false: {"SQLite": {60, 12}, "PostgreSQL": {140, 24}},
	true:  {"SQLite": {600, 120}, "PostgreSQL": {1400, 240}},
}

// TestSchedules records random schedules and holds what happened against what was
// promised.
//
//clause:kit 200 random schedules of grants, uses, withdrawals and kills: one release for each use number, the identical bytes on a retry, none after a withdrawal, nothing acknowledged lost, every promise kept
func TestSchedules(t *testing.T) {
	seed, f := seedOf(t), forms[figure.Soak()]
	t.Run("it keeps its word on SQLite", func(t *testing.T) {
		newWorld(t, nil).run(seed, f["SQLite"])
	})
	t.Run("it keeps its word on PostgreSQL, two hubs and two providers", func(t *testing.T) {
		server, err := stage.StartPostgres(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		newWorld(t, server).run(seed+1, f["PostgreSQL"])
	})
	if figure.Soak() {
		return // the figure is what every run does
	}
	figure.Hold(t, "schedules", f["SQLite"].schedules+f["PostgreSQL"].schedules, "random schedules of grants, uses, withdrawals and kills: what was recorded keeps every promise")
}

// people is how many schedules run at once.
const people = 8

func (w *world) run(seed uint64, f form) {
	w.Helper()
	began := time.Now()
	var all []*person
	for n := range people {
		all = append(all, w.enrol(n))
	}
	var wg sync.WaitGroup
	for n, p := range all {
		wg.Go(func() {
			for i := n; i < f.schedules && !w.Failed(); i += people {
				killed := (i+1)*f.kills/f.schedules > i*f.kills/f.schedules
				p.live(planned(seed<<20+uint64(i), w.victims, killed))
			}
		})
	}
	wg.Wait()
	struck := 0
	for _, g := range w.gates {
		struck += g.mend()
	}
	ran := time.Since(began)
	end := w.settle(all)
	ops := w.history.all()
	w.Logf("%d schedules in %s, and %s to settle; killed %v; %d exchanges lost; %d grants\n%s%s", f.schedules, ran.Round(time.Millisecond),
		(time.Since(began) - ran).Round(time.Millisecond), w.kills, struck, len(end.Grants), tally(ops), listed(w.heard))
	for _, fault := range check(ops, end) {
		w.Error(fault)
	}
}

// A person lives one schedule after another.
type person struct {
	*world
	*citizen.Citizen
	sub    string
	grants map[string]bool // seen on the dashboard
}

func (w *world) enrol(n int) *person {
	w.Helper()
	resident := fmt.Sprintf("resident-%02d", n+1)
	letter, err := w.stage.Letter(w.Context(), resident, false)
	if err != nil {
		w.Fatal(err)
	}
	p := &person{world: w, Citizen: citizen.New(w.stage.URL(stage.IDP), resident), grants: map[string]bool{}}
	if err := p.Enrol(w.Context(), letter.URL); err != nil {
		w.Fatal(err)
	}
	w.until(resident+" logs in at the consumer", func(ctx context.Context) error {
		to, err := w.tell(ctx, Call{Do: "login"})
		if err != nil {
			return err
		}
		back, err := p.Authorize(ctx, to.URL)
		if err != nil {
			return err
		}
		who, err := w.tell(ctx, Call{Do: "identify", State: to.State, Query: back.Query()})
		if err == nil && len(who.Grants) == 1 && who.Err == "" {
			p.sub = who.Grants[0]
			return nil
		}
		return errors.Join(err, errors.New(who.Err))
	})
	return p
}

// live is one schedule.
func (p *person) live(s Schedule) {
	for at, faults := range s.Faults {
		p.gates[at].lay(faults...)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	if s.Kill != "" {
		wg.Go(func() {
			time.Sleep(s.At)
			p.strike(s.Kill)
		})
	}
	call := Call{Do: s.Ask, Needs: []sdk.Need{p.need(p.sub, s.Uses)}}
	if s.Ask == "bundle" {
		call.Needs = append(call.Needs, p.need(p.sub, 1))
	}
	to, back, grants := p.ask(call, s.Deny)
	if back == nil {
		return
	}
	complete := Call{Do: "complete", State: to, Query: back}
	if s.Ask == "bundle" {
		complete.Do = "complete bundle"
	}
	wg.Go(func() { p.consume(s.Left, complete, grants) })
	wg.Go(func() { p.consume(s.Right, complete, grants) })
	p.turn(s.Citizen, grants, s.Uses)
}

// ask asks and decides; no answer when it came to nothing, as a lost answer may.
func (p *person) ask(call Call, deny bool) (state string, back url.Values, grants []string) {
	ctx := p.Context()
	_, _ = p.fresh(ctx) // what an answer that was lost had signed is not of this question
	to, err := p.tell(ctx, call)
	for tries := 1; (err != nil || to.URL == "" && to.Word == "") && tries < 4; tries++ { // it died, or the hub did not answer
		time.Sleep(time.Duration(tries) * 100 * time.Millisecond)
		to, err = p.tell(ctx, call)
	}
	if to.URL == "" {
		return "", nil, nil
	}
	began := p.history.now()
	if deny {
		err = p.deny(ctx, to.URL)
	} else if u, refused := p.Authorize(ctx, to.URL); refused == nil {
		back = u.Query()
	} else {
		err = refused
	}
	if err != nil {
		p.said("decide", "", err.Error())
	}
	decided := err
	p.until("what "+p.Name+" signed", func(ctx context.Context) error {
		grants, err = p.fresh(ctx)
		return err
	})
	for _, grant := range grants {
		op := Op{Kind: OpGrant, Grant: grant, Call: began, Outcome: Unknown}
		switch {
		case deny && decided == nil:
			op.Kind, op.Outcome = OpDeny, Yes
		case back != nil && back.Has("code"):
			op.Outcome, op.Old = Yes, call.Grant
		}
		p.history.add(op)
	}
	if back != nil && !back.Has("code") {
		back = nil
	}
	return to.State, back, grants
}

func (p *person) deny(ctx context.Context, address string) error {
	page, err := p.Open(ctx, address)
	if err != nil {
		return err
	}
	form, ok := page.Form("deny")
	if !ok {
		return errors.New("no page to deny on")
	}
	answer, err := p.Do(ctx, form.Method, form.Action.String(), "application/x-www-form-urlencoded", []byte(form.Fields.Encode()))
	if err == nil && answer.Status != http.StatusSeeOther {
		err = fmt.Errorf("denying was answered %d", answer.Status)
	}
	return err
}

// fresh are the grants on the dashboard that were not there before.
func (p *person) fresh(ctx context.Context) (found []string, err error) {
	all, err := p.Consents(ctx)
	for _, one := range all {
		if !p.grants[one.Grant] && one.State != string(consent.StateRequested) {
			p.grants[one.Grant] = true
			found = append(found, one.Grant)
		}
	}
	return found, err
}

// consume is one program of the consumer. What does not answer is asked again.
func (p *person) consume(steps []Step, complete Call, grants []string) {
	for i, s := range steps {
		time.Sleep(s.After)
		call := complete
		if s.Do != "complete" {
			if len(grants) == 0 {
				return
			}
			call = Call{Do: s.Do, Grant: grants[i%len(grants)]}
		}
		for range 3 {
			if _, err := p.tell(p.Context(), call); err == nil {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// turn is what the citizen does meanwhile.
func (p *person) turn(steps []Step, grants []string, uses int) {
	ctx := p.Context()
	for i, s := range steps {
		time.Sleep(s.After)
		if len(grants) == 0 || s.Do == "nothing" {
			continue
		}
		grant := grants[i%len(grants)]
		to := p.Hub + "/me/consents/" + url.PathEscape(grant) + "/"
		switch s.Do {
		case "withdraw":
			_ = p.Withdraw(ctx, grant) // the gate notes what came of it
		case "pause":
			_ = p.Post(ctx, to+"pause", struct{}{}, nil)
		case "pause and resume":
			_ = p.Post(ctx, to+"pause", struct{}{}, nil)
			time.Sleep(s.After)
			_ = p.Post(ctx, to+"resume", struct{}{}, nil)
		case "amend":
			state, back, newer := p.ask(Call{Do: "amend", Grant: grant, Needs: []sdk.Need{p.need(p.sub, uses)}}, false)
			if back != nil {
				p.consume([]Step{{"complete", 0}, {"again", s.After}}, Call{Do: "complete", State: state, Query: back}, newer)
			}
		}
	}
}

// settle waits until all is quiet and collects what there is then.
func (w *world) settle(all []*person) End {
	w.Helper()
	end := End{Grants: map[string]Final{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			for grant, f := range p.final() {
				mu.Lock()
				end.Grants[grant] = f
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for name := range w.programs {
		if name == "provider-1" || name == "consumer" {
			p := w.promises(name)
			end.Broken, end.Held = append(end.Broken, p.Broken...), append(end.Held, p.Held...)
		}
	}
	end.Audit = w.audit()
	return end
}

// final is what the person's dashboard shows of each grant, and what the receipts
// prove. Before that the consumer tells the hub what it could not tell then.
func (p *person) final() map[string]Final {
	found := map[string]Final{}
	var shown []citizen.Consent
	p.until("the dashboard of "+p.Name, func(ctx context.Context) (err error) {
		shown, err = p.Consents(ctx)
		return err
	})
	for _, one := range shown {
		f := Final{Shown: one.State}
		if one.Receipt != "" {
			p.until("the receipt of "+one.Grant, func(ctx context.Context) error {
				raw, err := p.Receipt(ctx, one.Grant)
				if err == nil {
					err = f.read(raw, p.trust)
				}
				return err
			})
		}
		found[one.Grant] = f
	}
	return found
}

func (f *Final) read(raw []byte, trust consent.Trust) error {
	r, err := receipt.Parse(raw)
	if err != nil {
		return err
	}
	f.Events, f.Commits, f.Proven = nil, nil, nil
	for _, e := range r.Events {
		f.Events = append(f.Events, e.Event)
	}
	for _, commit := range r.Commits {
		f.Commits = append(f.Commits, consent.DigestOf(commit))
	}
	for _, failed := range receipt.Verify(r, trust).Failed() {
		f.Proven = errors.Join(f.Proven, fmt.Errorf("%s: %s", failed.Name, failed.Detail))
	}
	return nil
}
