package store_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/sequencer"
	"github.com/govmydata/mydata/internal/store"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/statuslist"
	"github.com/govmydata/mydata/pkg/tlog"
)

// lived is a database with one citizen's story, and its log, published.
type lived struct {
	db     *store.DB
	log    *sequencer.Log
	policy tlog.Policy
}

var noon = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func live(t *testing.T, db *store.DB) lived {
	t.Helper()
	citizen := account.CitizenRow{ID: "citizen-1", Resident: "resident-01", Key: []byte("0123456789abcdef0123456789abcdef"), Created: noon}
	tell(t, db, citizen)
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := tlog.NewSigner("log.example", private)
	must(t, err)
	policy, err := tlog.ParsePolicy(tlog.NewPolicy(tlog.Log{Key: tlog.LogKey("log.example", private.Public().(ed25519.PublicKey))}, nil, 0))
	must(t, err)
	log, err := sequencer.New(sequencer.Options{
		Storage: db.Log(), Signer: signer, Policy: policy, Interval: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	waiting, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	last, err := tlog.Statement("last", 1)
	must(t, err)
	must(t, db.Log().Append(ctx, "last", []byte{1}, [][]byte{last}))
	_, err = log.WaitProof(waiting, last)
	must(t, err)
	cancel()
	<-ended
	return lived{db, log, policy}
}

// tell commits what happened: two passkey events, a credential issued and
// revoked, a grant requested and denied, another requested.
func tell(t *testing.T, db *store.DB, citizen account.CitizenRow) {
	t.Helper()
	ctx := t.Context()
	for seq := range int64(2) {
		e := approval.KeyEvent{Seq: seq + 1, Op: "add", At: noon, By: approval.By{Kind: "officers"}}
		digest, err := e.Digest()
		must(t, err)
		body, err := json.Marshal(e)
		must(t, err)
		salt := citizen.Salt(fmt.Sprintf("passkey/%d", e.Seq))
		c := account.Commit{
			ID: "key" + string(rune('0'+seq)), Event: &account.EventRow{Citizen: citizen.ID, Seq: e.Seq, Event: body, Salt: salt[:]},
			Leaves: [][]byte{tlog.Commitment(approval.LeafDomain, salt, digest)},
		}
		if seq == 0 {
			c.Citizen = &citizen
		}
		must(t, db.Accounts().Commit(ctx, c))
	}
	issued := credential.Issued{ID: "card-1", Citizen: citizen.ID, VCT: "urn:card", Config: "card", IssuedAt: noon, Expires: noon.AddDate(1, 0, 0), List: "l", Index: 7, Holder: "h"}
	salt := citizen.Salt(credential.SaltLabel(issued.ID))
	must(t, db.Credentials().Commit(ctx, credential.Commit{ID: "issue", Issue: []credential.Issued{issued},
		Leaves: [][]byte{tlog.Commitment(credential.LeafDomain, salt, issued.Digest())}}))
	at := noon.Add(time.Hour)
	must(t, db.Credentials().Commit(ctx, credential.Commit{ID: "revoke", Changes: []credential.Change{{Credential: issued.ID, List: "l", Version: 2, Became: statuslist.Invalid, At: at}},
		Leaves: [][]byte{tlog.Commitment(credential.LeafDomain, salt, credential.RevocationDigest(issued.ID, at, ""))}}))
	for version := range int64(2) { // a list, and its change
		list := credential.List{ID: "l", Version: version, Created: noon, Bits: 1, Data: []byte{byte(version), 0}}
		sum := sha256.Sum256(list.Data)
		said, err := tlog.Statement(credential.StatementStatusList, map[string]any{
			"uri": "http://localhost/status/l", "sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "version": version + 1,
		})
		must(t, err)
		must(t, db.Credentials().Commit(ctx, credential.Commit{ID: "list" + string(rune('0'+version)), Lists: []credential.List{list}, Leaves: [][]byte{said}}))
	}
	sum := sha256.Sum256([]byte("jws"))
	said, err := tlog.Statement(registry.StatementKind, map[string]any{"version": 1, "sha256": base64.RawURLEncoding.EncodeToString(sum[:])})
	must(t, err)
	must(t, db.Registry().PutCatalogue(ctx, registry.CatalogueCommit{ID: "c1", Version: 1, JWS: "jws", Leaves: [][]byte{said}}))
	for _, e := range []trail.Entry{
		{Act: "a1", Step: trail.Begun, What: "enrol", At: noon, Target: trail.Target{Kind: trail.Resident, ID: "resident-01"}},
		{Act: "a1", Step: trail.Ended, What: "enrol", At: at, Target: trail.Target{Kind: trail.Resident, ID: "resident-01"}, Outcome: trail.Done},
	} {
		said, err := e.Statement()
		must(t, err)
		must(t, db.Trail().Add(ctx, e, said))
	}
	ask := consent.Event{
		Grant: "grant-1", Seq: 1, Kind: consent.KindRequested, At: noon, By: "consumer", Request: consent.DigestOf("request"),
		Consumer: "c", Provider: "p", Expires: noon.Unix() + 600, Citizen: citizen.ID, CitizenSeq: 1, Evidence: consent.Evidence{Request: "request"},
	}
	deny := consent.Event{Grant: "grant-1", Seq: 2, Kind: consent.KindDenied, At: at, By: "citizen", Citizen: citizen.ID, CitizenSeq: 2}
	other := ask
	other.Grant, other.CitizenSeq = "grant-2", 3
	for i, e := range []consent.Event{ask, deny, other} {
		e.Salt = citizen.Salt(fmt.Sprintf("consent/%s/%d", e.Grant, e.Seq))
		digest, err := e.Digest()
		must(t, err)
		_, err = db.Consents().Commit(ctx, consent.Commit{ID: "consent" + string(rune('0'+i)), Digest: []byte{1}, Events: []consent.Event{e},
			Leaves: [][]byte{tlog.Commitment(consent.LeafDomain, e.Salt, digest)}})
		must(t, err)
	}
}

func (l lived) audit(t *testing.T) audit.Report {
	t.Helper()
	a := audit.Audit{Log: l.log, Policy: l.policy, Events: l.db.Audit()}
	report, err := a.Run(t.Context())
	must(t, err)
	return report
}

// swap replaces bytes within one column of one row, as an operator with a SQL
// prompt could.
func swap(table, column, key, old, new string) func(t *testing.T, db *store.DB) {
	return func(t *testing.T, db *store.DB) {
		must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			var data []byte
			if err := tx.QueryRowContext(ctx, `SELECT `+column+` FROM `+table+` WHERE `+key).Scan(&data); err != nil {
				return err
			}
			if !bytes.Contains(data, []byte(old)) {
				return errors.New("there is no such text to replace in " + string(data))
			}
			_, err := tx.ExecContext(ctx, `UPDATE `+table+` SET `+column+` = $1 WHERE `+key, bytes.Replace(data, []byte(old), []byte(new), 1))
			return err
		}))
	}
}

func run(statement string) func(t *testing.T, db *store.DB) {
	return func(t *testing.T, db *store.DB) {
		must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, statement)
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); n == 0 {
				return errors.Join(errors.New("nothing was altered"), err)
			}
			return nil
		}))
	}
}

// TestAudit alters one row of a database and asks the auditor for its name.
func TestAudit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(t *testing.T, db *store.DB)
		want  audit.Check
	}{
		{"it finds nothing in an honest database", func(*testing.T, *store.DB) {}, ""},
		{"it takes an erased grant", func(t *testing.T, db *store.DB) { must(t, db.Consents().Erase(t.Context(), "grant-1")) }, ""},
		{"it takes an erased person", func(t *testing.T, db *store.DB) { erased(t, db) }, ""},
		{"it finds an act blotted out in another's place", func(t *testing.T, db *store.DB) {
			erased(t, db)
			run(`UPDATE operator_acts SET step = 'other' WHERE step = 'begun'`)(t, db)
		}, audit.Public},
		{"it finds an act blotted out without its digest", run(`UPDATE operator_acts SET target = 'erased'`), audit.Public},
		{"it finds a public act blotted out", run(`UPDATE operator_acts SET target = 'erased', target_kind = 'client'`), audit.Public},
		{"it takes leaves not published yet", func(t *testing.T, db *store.DB) {
			must(t, db.Log().Append(t.Context(), "more", []byte{1}, [][]byte{tlog.Commitment("x", [32]byte{}, [32]byte{})}))
		}, ""},
		{"it finds an altered consent event", swap("consent_events", "event", "grant_id = 'grant-1' AND seq = 2", "denied", "cancelled"), audit.Event},
		{"it finds a member added to an event", swap("consent_events", "event", "grant_id = 'grant-1' AND seq = 2", "{", `{"more":1,`), audit.Event},
		{"it finds an event under another grant", run(`UPDATE consent_events SET grant_id = 'grant-3' WHERE grant_id = 'grant-2'`), audit.Event},
		{"it finds an event given to somebody else", run(`UPDATE consent_events SET citizen = 'citizen-2', citizen_seq = 1 WHERE grant_id = 'grant-2'`), audit.Event},
		{"it finds a passkey given to somebody else", func(t *testing.T, db *store.DB) {
			run(`INSERT INTO citizens (id, resident, salt_key, created) SELECT 'citizen-2', 'resident-02', 'k', 1 FROM citizens`)(t, db)
			run(`UPDATE passkey_events SET citizen = 'citizen-2'`)(t, db)
		}, audit.Event},
		{"it finds an altered salt", swap("consent_events", "salt", "grant_id = 'grant-2'", "", "x"), audit.Event},
		{"it finds altered evidence", swap("consent_events", "evidence", "grant_id = 'grant-2'", "request\":\"request", "request\":\"forged"), audit.Evidence},
		{"it finds a removed consent event", run(`DELETE FROM consent_events WHERE grant_id = 'grant-2'`), audit.Unexplained},
		{"it finds an altered passkey event", swap("passkey_events", "event", "seq = 2", "officers", "passkey"), audit.Event},
		{"it finds a removed passkey event", run(`DELETE FROM passkey_events WHERE seq = 2`), audit.Unexplained},
		{"it finds an altered credential", run(`UPDATE credentials SET expires = expires + 1`), audit.Event},
		{"it finds a credential of another holder", run(`UPDATE credentials SET holder = 'x'`), audit.Event},
		{"it finds a revocation taken back", run(`UPDATE credentials SET revoked = 0`), audit.Unexplained},
		{"it finds an altered salt key", swap("citizens", "salt_key", "id = 'citizen-1'", "0", "1"), audit.Event},
		{"it finds a status list set back", swap("status_lists", "data", "id = 'l'", "\x01", "\x00"), audit.Public},
		{"it finds a removed status list", run(`DELETE FROM status_lists`), audit.Public},
		{"it finds an altered catalogue", run(`UPDATE registry_catalogues SET jws = 'x'`), audit.Public},
		{"it finds a catalogue that nobody was told of", run(`INSERT INTO registry_catalogues (version, jws) VALUES (2, 'x')`), audit.Public},
		{"it finds an act of the operator given to another user", run(`UPDATE operator_acts SET uid = 9`), audit.Public},
		{"it finds an act done to somebody else", run(`UPDATE operator_acts SET target = 'resident-02' WHERE step = 'begun'`), audit.Public},
		{"it finds an act at another time", run(`UPDATE operator_acts SET at = at + 1`), audit.Public},
		{"it finds an act that went wrong", run(`UPDATE operator_acts SET outcome = 'failed' WHERE step = 'ended'`), audit.Public},
		{"it finds a removed act", run(`DELETE FROM operator_acts`), audit.Public},
		{"it finds an act that nobody was told of", run(`INSERT INTO operator_acts
			SELECT 'a2', step, at, what, uid, login, target_kind, target, outcome, salt FROM operator_acts WHERE step = 'begun'`), audit.Public},
		{"it finds an act said twice", func(t *testing.T, db *store.DB) {
			said, err := trail.Entry{Act: "a1", Step: trail.Begun, What: "revoke", At: noon}.Statement()
			must(t, err)
			again, err := trail.Entry{Act: "a1", Step: trail.Begun, What: "enrol", At: noon,
				Target: trail.Target{Kind: trail.Resident, ID: "resident-01"}}.Statement()
			must(t, err)
			must(t, db.Log().Append(t.Context(), "more", []byte{1}, [][]byte{said, again}))
		}, audit.Public},
		{"it finds an altered log entry", swap("log_leaves", "entry", "leaf_index = 2", "\x01", "\x02"), audit.Entry},
		{"it finds an altered tile", swap("log_tiles", "hashes", "level = 0", "", "x"), audit.Tile},
		{"it finds an altered checkpoint", swap("log_checkpoints", "note", "size > 0", "log.example", "log.exemple"), audit.Checkpoint},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *store.DB) {
				l := live(t, db)
				tt.alter(t, db)
				r := l.audit(t)
				found := ""
				if len(r.Findings) > 0 {
					found = string(r.Findings[0].Check)
				}
				if found != string(tt.want) {
					t.Fatalf("it finds %+v, want %q", r.Findings, tt.want)
				}
				if tt.want == "" && (r.Events != 7 && r.Erased == 0 || !slices.Contains(r.Passed, "every grant's history is legal, its evidence whole")) {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}
