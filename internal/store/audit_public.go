package store

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/internal/trail"
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// Contradictions implements audit.Events for status lists, whose last version
// counts, for catalogues, each version of which is said once, and for the
// operator's acts.
func (a *Audit) Contradictions(ctx context.Context, said []audit.Statement, each func(row string) error) error {
	claims, err := claimed(said)
	if err != nil {
		return err
	}
	compare := func(scan func(...any) error) error {
		var name string
		var content []byte
		if err := scan(&name, &content); err != nil {
			return err
		}
		if claims[name] == digestOf(content) {
			delete(claims, name)
			return nil
		}
		delete(claims, name)
		return each(name)
	}
	if err := a.all(ctx, compare, `SELECT 'status list ' || id, data FROM status_lists ORDER BY id`); err != nil {
		return err
	}
	if err := a.all(ctx, compare, `SELECT 'catalogue ' || CAST(version AS TEXT), jws FROM registry_catalogues ORDER BY version`); err != nil {
		return err
	}
	if err := a.acts(ctx, claims, each); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) { // said of rows that are not there
		if err := each(name); err != nil {
			return err
		}
	}
	return nil
}

// claimed gives the digest that was said of each row's last version.
func claimed(said []audit.Statement) (map[string]string, error) {
	claims, newest := map[string]string{}, map[string]int64{}
	for _, s := range said {
		var body struct {
			URI     string `json:"uri"`
			Version int64  `json:"version"`
			SHA256  string `json:"sha256"`
			Act     string `json:"act"`
			Step    string `json:"step"`
		}
		switch s.Kind {
		case credential.StatementStatusList, registry.StatementKind, trail.Kind:
			if err := json.Unmarshal(s.Body, &body); err != nil {
				return nil, fmt.Errorf("statement %s: %w", s.Kind, err)
			}
		}
		switch s.Kind {
		case credential.StatementStatusList:
			name := "status list " + path.Base(body.URI)
			if body.Version > newest[name] {
				newest[name], claims[name] = body.Version, body.SHA256
			}
		case registry.StatementKind:
			claims[fmt.Sprintf("catalogue %d", body.Version)] = body.SHA256
		case trail.Kind:
			name := actName(body.Act, body.Step)
			if claims[name] != "" {
				name = "a second statement of " + name
			}
			claims[name] = digestOf(s.Body)
		}
	}
	return claims, nil
}

// acts compares the operator's acts with what was said of them.
func (a *Audit) acts(ctx context.Context, claims map[string]string, each func(row string) error) error {
	return a.all(ctx, func(scan func(...any) error) error {
		e, err := scanAct(scan)
		if err != nil {
			return err
		}
		name := actName(e.Act, e.Step)
		claim := claims[name]
		delete(claims, name)
		if e.Target.ID == trail.Erased && !e.Target.Public() {
			if base64.RawURLEncoding.EncodeToString(e.Salt[:]) != claim {
				return each(name)
			}
			return nil
		}
		entry, err := e.Statement()
		if err != nil {
			return each(name)
		}
		if _, body, err := tlog.ParseStatement(entry); err != nil || digestOf(body) != claim {
			return each(name)
		}
		return nil
	}, `SELECT act, step, at, what, uid, login, target_kind, target, outcome, salt FROM operator_acts ORDER BY at, act, step`)
}

func actName(act, step string) string { return "operator's act " + act + ", " + step }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
