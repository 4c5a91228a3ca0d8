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
	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
)

// Contradictions implements audit.Events for status lists, whose last version
// counts, and for catalogues, each version of which is said once.
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
		sum := sha256.Sum256(content)
		if claim := claims[name]; claim == base64.RawURLEncoding.EncodeToString(sum[:]) {
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
		}
		switch s.Kind {
		case credential.StatementStatusList, registry.StatementKind:
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
		}
	}
	return claims, nil
}
