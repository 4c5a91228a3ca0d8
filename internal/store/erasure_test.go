package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/govmydata/mydata/internal/erasure"
	"github.com/govmydata/mydata/internal/store"
)

// the person of live, whom other rows name too.
var gone = erasure.Gone{ID: "erasure/order-1", Digest: [32]byte{1}, Citizen: "citizen-1", Resident: "resident-01", Head: 3}

func erased(t *testing.T, db *store.DB) erasure.Erased {
	t.Helper()
	out, err := db.Erasures().ErasePerson(t.Context(), gone)
	must(t, err)
	return out
}

// markers are what no byte may be left of.
var markers = []string{"citizen-1", "resident-01", "marker-sub", "marker@example.org", "MARKER phone", "marker-passkey", "0123456789abcdef0123456789abcdef", "grant-1", "marker-code"}

// named gives the person a row in each table that may hold one, and somebody
// else a few.
func named(t *testing.T, db *store.DB) {
	t.Helper()
	must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range []string{
			`INSERT INTO citizens (id, resident, salt_key, created) VALUES ('other', 'resident-02', 'k', 1)`,
			`INSERT INTO passkeys (id, citizen, credential, jwk, device, added, last_used, ended) VALUES ('marker-passkey', 'citizen-1', 'x', 'x', 'MARKER phone', 1, 1, 1)`,
			`INSERT INTO passkeys (id, citizen, credential, jwk, device, added, last_used, ended) VALUES ('others', 'other', 'x', 'x', 'x', 1, 1, 1)`,
			`INSERT INTO sessions (hash, citizen, passkey, auth_time, expires, amr) VALUES ('h', 'citizen-1', 'marker-passkey', 1, 1, 'x')`,
			`INSERT INTO sessions (hash, citizen, passkey, auth_time, expires, amr) VALUES ('o', 'other', 'others', 1, 1, 'x')`,
			`INSERT INTO pseudonyms (sector, citizen, sub) VALUES ('urn:a', 'citizen-1', 'marker-sub')`,
			`INSERT INTO pseudonyms (sector, citizen, sub) VALUES ('urn:a', 'other', 'other-sub')`,
			`INSERT INTO enrolment_orders (code_hash, resident, replacing, orders, expires, tries, ended, salt) VALUES ('marker-code', 'resident-01', FALSE, 'x', 1, 0, 1, 'x')`,
			`INSERT INTO ceremonies (ceremony_key, kind, owner, data, expires) VALUES ('c', 'login', 'o', '{"citizen":"citizen-1"}', 1)`,
			`INSERT INTO ceremonies (ceremony_key, kind, owner, data, expires) VALUES ('d', 'login', 'o', '{"citizen":"other"}', 1)`,
			`INSERT INTO oauth_pushed (hash, client, request, expires) VALUES ('p', 'c', '{"sub":"marker-sub"}', 1)`,
			`INSERT INTO oauth_requests (id, version, request, expires) VALUES ('r', 1, '{"citizen":"citizen-1"}', 1)`,
			`INSERT INTO oauth_codes (hash, code, used, expires) VALUES ('k', '{"citizen":"citizen-1"}', FALSE, 1)`,
			`INSERT INTO oauth_devices (hash, user_hash, content, state, answer, polled, pause, expires) VALUES ('d', 'u', '{}', 'approved', '{"citizen":"citizen-1"}', 0, 0, 1)`,
			`INSERT INTO oauth_logins (sid, session, citizen, client, subject, seen, expires) VALUES ('s', 'h', 'citizen-1', 'c', 'marker-sub', 1, 1)`,
			`INSERT INTO oauth_logouts (id, client, subject, sid, tries, next, ended) VALUES ('l', 'c', 'marker-sub', 's', 0, 1, 1)`,
			`INSERT INTO oauth_logouts (id, client, subject, sid, tries, next, ended) VALUES ('m', 'c', 'other-sub', 't', 0, 1, 1)`,
			`INSERT INTO oauth_grants (id, citizen, content, revoked, expires) VALUES ('g', 'citizen-1', 'marker-sub', FALSE, 1)`,
			`INSERT INTO oauth_access (jti, grant_id, content, revoked, expires) VALUES ('j', 'g', 'marker-sub', FALSE, 1)`,
			`INSERT INTO oauth_refresh (hash, grant_id, used, expires) VALUES ('f', 'g', FALSE, 1)`,
			`INSERT INTO credential_offers (id, version, citizen, config, grant_kind, tries, expires, redeemed) VALUES ('o', 1, 'citizen-1', 'c', 'g', 0, 1, 0)`,
			`INSERT INTO notices (citizen, channel, lang, address, code, code_until, code_tries, told) VALUES ('citizen-1', 'mail', 'ko', 'marker@example.org', '', 0, 0, 0)`,
			`INSERT INTO consent_proposals (grant_id, citizen, terms, nonce, expires) VALUES ('grant-2', 'citizen-1', '{}', 'n', 1)`,
			`INSERT INTO signal_streams (audience, seq, holder, until, tries, next) VALUES ('citizen:citizen-1', 1, '', 0, 0, 0)`,
			`INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn) VALUES ('s1', 'citizen:citizen-1', 'k', 'grant-2', 0, 1, 1, 't')`,
			`INSERT INTO signals (id, audience, kind, grant_id, use_number, place, at, txn) VALUES ('s2', 'urn:agency', 'k', 'grant-2', 0, 1, 1, 't')`,
			`INSERT INTO signals_dead (id, audience, seq, kind, grant_id, use_number, place, at, txn, reason, buried) VALUES ('s3', 'citizen:citizen-1', 1, 'k', 'grant-2', 0, 1, 1, 't', 'x', 1)`,
			`INSERT INTO commits (id, digest) VALUES ('account/admit/citizen-1', 'x')`,
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return errors.Join(errors.New(statement), err)
			}
		}
		return nil
	}))
}

func rowsIn(t *testing.T, db *store.DB, from string) (n int) {
	t.Helper()
	must(t, store.InTx(db, t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+from).Scan(&n)
	}))
	return n
}

//clause:consent erasure: when the law allows it, by whom, once, and the log still proves
func TestErasePerson(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		l := live(t, db)
		named(t, db)
		for name, bend := range map[string]func(*erasure.Gone){
			"the history went on": func(g *erasure.Gone) { g.Head = 2 },
		} {
			g := gone
			bend(&g)
			if _, err := db.Erasures().ErasePerson(t.Context(), g); !errors.Is(err, erasure.ErrChanged) {
				t.Errorf("%s: %v", name, err)
			}
		}
		run(`UPDATE credentials SET revoked = 0`)(t, db)
		if _, err := db.Erasures().ErasePerson(t.Context(), gone); !errors.Is(err, erasure.ErrChanged) {
			t.Errorf("a credential is not revoked: %v", err)
		}
		run(fmt.Sprintf(`UPDATE credentials SET revoked = %d`, noon.Add(time.Hour).UnixMilli()))(t, db)
		if done, err := db.Erasures().CarriedOut(t.Context(), gone.ID); done || err != nil {
			t.Errorf("%v, %v", done, err)
		}
		if out := erased(t, db); out.Grants != 2 || out.Credentials != 1 || out.Leaves != 7 || out.Before {
			t.Errorf("%+v", out)
		}
		if out := erased(t, db); !out.Before {
			t.Errorf("again: %+v", out)
		}
		if done, err := db.Erasures().CarriedOut(t.Context(), gone.ID); !done || err != nil {
			t.Errorf("%v, %v", done, err)
		}
		for from, want := range map[string]int{
			"citizens": 1, "passkeys": 1, "sessions": 1, "pseudonyms": 1, "ceremonies": 1, "enrolment_orders": 0, "passkey_events": 0,
			"oauth_pushed": 0, "oauth_requests": 0, "oauth_codes": 0, "oauth_devices": 0, "oauth_logins": 0, "oauth_logouts": 1, "oauth_grants": 0, "oauth_access": 0, "oauth_refresh": 0,
			"credential_offers": 0, "notices": 0, "consent_proposals": 0, "consent_events": 0, "consent_due": 0, "consent_erased": 0,
			"signal_streams": 0, "signals": 1, "signals_dead": 0, "log_erased": 7, "credentials WHERE citizen = '' AND list_index = 7 AND id <> 'card-1'": 1,
			"operator_acts WHERE target = 'erased'": 2,
		} {
			if got := rowsIn(t, db, from); got != want {
				t.Errorf("%s: %d rows, want %d", from, got, want)
			}
		}
		if id, err := db.Erasures().Citizen(t.Context(), gone.Resident); id != "" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
		if r := l.audit(t); len(r.Findings) > 0 || r.Erased != 7 {
			t.Errorf("the log no longer proves: %+v", r)
		}
	})
}

// After an erasure the file of the database and what lies beside it hold no byte
// of the person.
func TestErasureLeavesNoByte(t *testing.T) {
	dir := t.TempDir()
	db := open(t, "sqlite:"+filepath.Join(dir, "test.db"))
	live(t, db)
	named(t, db)
	if found := searched(t, dir); len(found) != len(markers) {
		t.Fatalf("before, only %q are there", found)
	}
	erased(t, db)
	run(`DELETE FROM signals`)(t, db) // the agencies have heard
	must(t, db.Settle(t.Context()))
	if found := searched(t, dir); len(found) > 0 {
		t.Errorf("left: %q", found)
	}
}

func searched(t *testing.T, dir string) (found []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	for _, marker := range markers {
		for _, name := range files {
			raw, err := os.ReadFile(name)
			must(t, err)
			if bytes.Contains(raw, []byte(marker)) {
				found = append(found, marker+" in "+filepath.Base(name))
				break
			}
		}
	}
	return found
}

func TestHolds(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx, s := t.Context(), db.Erasures()
		held := func(want bool) {
			t.Helper()
			if got, err := s.Held(ctx, "ada"); got != want || err != nil {
				t.Errorf("%v, %v", got, err)
			}
		}
		held(false)
		must(t, s.Hold(ctx, "ada", "lawsuit", noon))
		must(t, s.Hold(ctx, "ada", "audit", noon))
		must(t, s.Hold(ctx, "bea", "audit", noon))
		held(true)
		must(t, s.Lift(ctx, "ada"))
		must(t, s.Lift(ctx, "ada"))
		held(false)
	})
}
