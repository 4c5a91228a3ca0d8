package speed_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// floorVariable has the test binary be the floor's server; its value is the plan.
const floorVariable = "SPEED_FLOOR_PLAN"

// plan is all that the floor's process is told.
type plan struct {
	Database  string
	Exchanges []*exchange
}

// floor is the bare server in a process of its own, and who asks it.
type floor struct {
	b         *testing.B
	pid       int
	address   string
	exchanges []*exchange
	transport *http.Transport
}

func newFloor(b *testing.B, schema string, exchanges []*exchange) *floor {
	b.Helper()
	folder := b.TempDir()
	p := plan{Database: filepath.Join(folder, "bare.db"), Exchanges: exchanges}
	db := bare(p.Database)
	_, err := db.Exec(schema)
	must(b, err)
	_, err = db.Exec(`CREATE TABLE changed (id INTEGER PRIMARY KEY, n INTEGER, filling TEXT); INSERT INTO changed VALUES (1, 0, '` + strings.Repeat("x", 600) + `')`)
	must(b, err)
	must(b, db.Close())
	path := filepath.Join(folder, "plan.json")
	must(b, os.WriteFile(path, encoded(p), 0o600))
	self, err := os.Executable()
	must(b, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), floorVariable+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // it ends when this closes, also when we die
	must(b, err)
	out, err := cmd.StdoutPipe()
	must(b, err)
	must(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	must(b, err)
	return &floor{b: b, pid: cmd.Process.Pid, address: "http://" + strings.TrimSpace(address), exchanges: exchanges, transport: &http.Transport{MaxIdleConnsPerHost: 2 * crowd}}
}

// walk asks for the whole flow once.
func (f *floor) walk() {
	for i, e := range f.exchanges {
		asked := *e
		asked.Path = "/" + strconv.Itoa(i) + "/" + strings.TrimPrefix(e.Path, "/")
		got, err := send(f.b.Context(), f.transport, f.address, "", &asked)
		must(f.b, err)
		if got.Status != e.Status || len(got.Answer) != len(e.Answer) {
			f.b.Fatalf("the floor answers %d with %d bytes to %s", got.Status, len(got.Answer), e.Path)
		}
	}
}

func bare(path string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(1000)&_pragma=secure_delete(1)")
	if err != nil {
		panic(err)
	}
	return db
}

// serveFloor is the other process.
func serveFloor(path string) {
	data, err := os.ReadFile(path)
	check(err)
	var p plan
	check(json.Unmarshal(data, &p))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	s := &server{plan: p, db: bare(p.Database), key: key, sum: sha256.Sum256(nil), inserts: map[string]*sql.Stmt{}}
	s.db.SetMaxOpenConns(1)
	s.signature, err = key.Sign(rand.Reader, s.sum[:], nil)
	check(err)
	s.change, err = s.db.Prepare(`UPDATE changed SET n = n + 1 WHERE id = 1`)
	check(err)
	for _, e := range p.Exchanges {
		for _, commit := range e.Commits {
			for _, r := range commit {
				s.prepare(r)
			}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	check((&http.Server{Handler: s, ReadHeaderTimeout: time.Minute}).Serve(l))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

type server struct {
	plan      plan
	db        *sql.DB
	key       *ecdsa.PrivateKey
	sum       [32]byte
	signature []byte
	change    *sql.Stmt
	inserts   map[string]*sql.Stmt
}

func (s *server) prepare(r row) {
	if s.inserts[r.Table] != nil {
		return
	}
	made, err := s.db.Prepare(`INSERT OR REPLACE INTO "` + r.Table + `" ("` + strings.Join(r.Columns, `", "`) + `") VALUES (?` + strings.Repeat(", ?", len(r.Columns)-1) + `)`) //nolint:sqlclosecheck // kept while the floor lives
	check(err)
	s.inserts[r.Table] = made
}

// ServeHTTP pays for what is prescribed, once each, and answers as the hub did.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	number, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i, err := strconv.Atoi(number)
	check(err)
	e := s.plan.Exchanges[i]
	for range e.Verifies {
		if !ecdsa.VerifyASN1(&s.key.PublicKey, s.sum[:], s.signature) {
			panic("the floor fails")
		}
	}
	for range e.Signs {
		_, err := s.key.Sign(rand.Reader, s.sum[:], nil)
		check(err)
	}
	for _, commit := range e.Commits {
		s.write(r.Context(), commit)
	}
	for name, values := range e.Answered {
		w.Header()[name] = values
	}
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Answer)
}

func (s *server) write(ctx context.Context, rows []row) {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	check(err)
	for _, r := range rows {
		args := make([]any, len(r.Values))
		for i, v := range r.Values {
			args[i] = v.plain(r.Unique[i])
		}
		_, err = tx.StmtContext(ctx, s.inserts[r.Table]).ExecContext(ctx, args...) //nolint:sqlclosecheck // it ends with the transaction
		check(err)
	}
	if len(rows) == 0 {
		_, err = tx.StmtContext(ctx, s.change).ExecContext(ctx) //nolint:sqlclosecheck // it ends with the transaction
		check(err)
	}
	check(tx.Commit())
}
