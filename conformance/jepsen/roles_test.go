package jepsen

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/govmydata/mydata/conformance/stage"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/sdk"
)

// TestMain is also the two agencies' programs.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "provider" || os.Args[1] == "consumer") {
		if err := serve(os.Args[1], os.Args[2:]); err != nil {
			slog.Error("ended", "error", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

type agency struct{ listen, keys, trust, journal, client, redirect string }

func serve(role string, args []string) error {
	var a agency
	f := flag.NewFlagSet(role, flag.ContinueOnError)
	for name, value := range map[string]*string{"listen": &a.listen, "keys": &a.keys, "trust": &a.trust, "journal": &a.journal, "client": &a.client, "redirect": &a.redirect} {
		f.StringVar(value, name, "", name)
	}
	if err := f.Parse(args); err != nil {
		return err
	}
	trust, err := sdk.LoadTrust(a.trust)
	if err != nil {
		return err
	}
	keys, err := sdk.LoadKeys(a.keys)
	if err != nil {
		return err
	}
	journal, err := a.open()
	if err != nil {
		return err
	}
	signals := sdk.SignalsConfig{Trust: trust, Keys: keys, Journal: journal, AllowLoopback: true}
	mux := http.NewServeMux()
	if role == "provider" {
		signals.Provider, err = provide(mux, trust, keys, journal)
	} else {
		signals.Consumer, err = a.consume(mux, trust, keys, journal)
	}
	if err != nil {
		return err
	}
	heard, err := sdk.NewSignals(signals)
	if err != nil {
		return err
	}
	mux.Handle("/signals", heard)
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: a.listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// open is a journal in a file, or in a database that several processes share.
func (a agency) open() (sdk.Journal, error) {
	if !strings.HasPrefix(a.journal, "postgres:") {
		return sdk.OpenFileJournal(a.journal)
	}
	db, err := sql.Open("pgx", a.journal)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(12)
	return sdk.OpenSQLJournal(context.Background(), db)
}

// provide gives another record at each look, so that nothing is sent twice by luck.
func provide(mux *http.ServeMux, trust sdk.Trust, keys sdk.Keys, journal sdk.Journal) (*sdk.Provider, error) {
	p, err := sdk.NewProvider(sdk.ProviderConfig{Trust: trust, Keys: keys, Journal: journal, AllowLoopback: true, PromiseInterval: 2 * time.Second,
		DataSets: map[string]sdk.DataSet{dataSet: {
			Load: func(context.Context, sdk.Subject) (sdk.Record, error) {
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
				return sdk.Record{"vision_left": rand.Float64(), "vision_right": 1.0, "hearing_left": 20, "hearing_right": 20,
					"remarks": "stays", "checked_on": "2026-05-14"}, nil
			},
			Derive: map[string]func(sdk.Record) (any, error){
				"vision_ok":  func(r sdk.Record) (any, error) { return r["vision_left"].(float64) >= 0.5, nil },
				"hearing_ok": func(r sdk.Record) (any, error) { return r["hearing_left"].(int) <= 55, nil },
			},
		}}})
	if err != nil {
		return nil, err
	}
	mux.Handle("/release", p)
	mux.HandleFunc("/promises", func(w http.ResponseWriter, r *http.Request) { tellPromises(w, r, p) })
	return p, nil
}

type promiser interface {
	CheckPromises(ctx context.Context) ([]sdk.Promise, error)
	Promises(ctx context.Context) ([]sdk.Promise, error)
}

type promised struct {
	Broken, Held []string
	Err          string
}

func tellPromises(w http.ResponseWriter, r *http.Request, p promiser) {
	var out promised
	broken, err := p.CheckPromises(r.Context())
	held, err2 := p.Promises(r.Context())
	if err := errors.Join(err, err2); err != nil {
		out.Err = err.Error()
	}
	for _, b := range broken {
		out.Broken = append(out.Broken, fmt.Sprintf("%s/%d", b.GrantID, b.Use))
	}
	for _, h := range held {
		out.Held = append(out.Held, fmt.Sprintf("%s/%d", h.GrantID, h.Use))
	}
	_ = json.NewEncoder(w).Encode(out)
}

// A Call is what the consumer's program is told to do, Told what came of it.
type Call struct {
	Do      string
	Needs   []sdk.Need
	Grant   string
	State   string
	Query   url.Values
	Subject string
}

type Told struct {
	sdk.Redirect
	Got    []Got
	Word   string
	Err    string
	Grants []string
}

// Got is one release that the consumer holds: names and a digest.
type Got struct {
	Grant, Evidence, Word string
	Use                   int
}

func (t *Told) got(r *sdk.Release, err error) {
	if r != nil {
		t.Got = append(t.Got, Got{Grant: r.GrantID, Use: r.Use, Evidence: consent.DigestOf(r.Evidence)})
	}
	t.fail(err)
}

func (t *Told) fail(err error) {
	if err != nil {
		t.Err, t.Word = err.Error(), sdk.Reason(err)
	}
}

func (a agency) consume(mux *http.ServeMux, trust sdk.Trust, keys sdk.Keys, journal sdk.Journal) (*sdk.Consumer, error) {
	c, err := sdk.NewConsumer(sdk.ConsumerConfig{Trust: trust, Keys: keys, Journal: journal, AllowLoopback: true,
		PromiseInterval: 2 * time.Second, ClientID: a.client, RedirectURI: a.redirect})
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("/promises", func(w http.ResponseWriter, r *http.Request) { tellPromises(w, r, c) })
	mux.HandleFunc("/do", func(w http.ResponseWriter, r *http.Request) {
		var call Call
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(call.on(r.Context(), c))
	})
	return c, nil
}

func (call Call) on(ctx context.Context, c *sdk.Consumer) (t Told) {
	var err error
	switch call.Do {
	case "login":
		t.Redirect, err = c.Login(ctx)
	case "identify":
		var who sdk.Identity
		who, err = c.LoggedIn(ctx, call.State, call.Query)
		t.Grants = []string{who.Sub}
	case "ask":
		t.Redirect, err = c.Ask(ctx, call.Needs[0])
	case "bundle":
		t.Redirect, err = c.AskBundle(ctx, call.Needs)
	case "amend":
		t.Redirect, err = c.Amend(ctx, call.Grant, call.Needs[0])
	case "complete":
		t.got(c.Complete(ctx, call.State, call.Query))
		return t
	case "complete bundle":
		parts, all := c.CompleteBundle(ctx, call.State, call.Query)
		for _, p := range parts {
			t.got(p.Release, p.Err)
		}
		err = all
	case "again":
		t.got(c.Again(ctx, call.Grant))
		return t
	case "last":
		t.got(c.Last(ctx, call.Grant))
		return t
	case "receipt":
		_, err = c.Receipt(ctx, call.Grant)
	case "grants":
		t.Grants, err = c.Grants(ctx, call.Subject)
	default:
		err = fmt.Errorf("no such call: %q", call.Do)
	}
	t.fail(err)
	return t
}
