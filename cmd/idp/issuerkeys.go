package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/pkg/audit"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/tlog"
)

// sayKeys puts the keys in force and the DID document that names them on the
// log, each once, whichever replica starts first.
func (e *engines) sayKeys(ctx context.Context) error {
	for _, k := range e.ring.Statements(e.config.Issuer, time.Now()) {
		entry, err := k.Entry()
		if err != nil {
			return err
		}
		if err := e.say(ctx, entry, credential.StatementIssuerKey, k.Issuer, k.Use, k.ID, k.Certificate); err != nil {
			return fmt.Errorf("put the keys on the log: %w", err)
		}
	}
	id, document, err := e.ring.Document(e.config.Issuer)
	if err != nil {
		return err
	}
	said := credential.NewDIDDocument(id, document, time.Now())
	entry, err := said.Entry()
	if err != nil {
		return err
	}
	if err := e.say(ctx, entry, credential.StatementDID, said.ID, said.SHA256); err != nil {
		return fmt.Errorf("put the DID document on the log: %w", err)
	}
	e.document = document
	return e.sayLogKeys(ctx)
}

// say appends a statement once for each name. Its digest is the name's and not
// the entry's, which says when.
func (e *engines) say(ctx context.Context, entry []byte, name ...string) error {
	id := strings.Join(name, "/")
	digest := sha256.Sum256([]byte(id))
	return e.db.Log().Append(ctx, id, digest[:], [][]byte{entry})
}

func newLogKeysCommand() *cobra.Command {
	var o exportOptions
	var out string
	c := &cobra.Command{
		Use:   "keys",
		Short: "Write the history of the issuer's keys, each proven, for verifiers that ask nobody",
		Long: `Reads the published log, or a folder that "idp log export" wrote, and writes every
entry on a key of the hub, or on its DID document, with a proof under the witnessed
checkpoint. A verifier given the file (verifier serve --issuer-keys FILE) takes
credentials and status lists of these keys alone.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var a audit.Audit
			if err := auditTrust(&a, auditOptions{trust: o.trust}, dataDir(c)); err != nil {
				return err
			}
			if err := o.source(&a); err != nil {
				return err
			}
			found, err := provenKeys(c.Context(), a.Log, a.Policy)
			if err != nil {
				return fmt.Errorf("log keys: %w", err)
			}
			text, err := credential.MarshalKeyHistory(found)
			if err != nil {
				return fmt.Errorf("log keys: %w", err)
			}
			history, err := credential.LoadKeyHistory(a.Policy, text)
			if err != nil {
				return fmt.Errorf("log keys: %w", err)
			}
			if err := os.WriteFile(out, append(text, '\n'), 0o644); err != nil { //nolint:gosec // G306: it is public
				return fmt.Errorf("log keys: %w", err)
			}
			keys, documents := history.Count()
			return show(c, map[string]any{"file": out, "keys": keys, "documents": documents}, func(w io.Writer) {
				fmt.Fprintln(w, keys, "keys and", documents, "DID documents are in", out)
			})
		},
	}
	o.flags(c.Flags())
	c.Flags().StringVar(&out, "out", "", "file to write (required)")
	_ = c.MarkFlagRequired("out")
	return c
}

// provenKeys walks the log's entries. What a source says wrongly is not proven
// later, so that nothing more need be checked here.
func provenKeys(ctx context.Context, log audit.Source, policy tlog.Policy) (found []credential.ProvenKey, err error) {
	note, err := log.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	now, err := policy.Open(note)
	if err != nil {
		return nil, err
	}
	for start := int64(0); start < now.Size; start += tlog.TileWidth {
		width := int(min(tlog.TileWidth, now.Size-start))
		data, err := log.Tile(ctx, tlog.Tile{Level: tlog.Entries, Index: start / tlog.TileWidth, Width: width})
		if err != nil {
			return nil, err
		}
		entries, err := tlog.ParseBundle(data, width)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			_, noKey := credential.ParseIssuerKey(entry)
			if _, noDocument := credential.ParseDIDDocument(entry); noKey != nil && noDocument != nil {
				continue
			}
			path, err := tlog.ProveInclusion(ctx, log, now.Size, now.Root, start+int64(i))
			if err != nil {
				return nil, err
			}
			proof := tlog.Proof{Index: start + int64(i), Path: path, Checkpoint: note}.Marshal()
			found = append(found, credential.ProvenKey{Entry: entry, Proof: string(proof)})
		}
	}
	return found, nil
}
