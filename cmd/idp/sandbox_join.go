package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/idp/sandbox"
	"github.com/govmydata/mydata/internal/keys"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/consent/approval"
)

// joining is what an agency says of itself.
type joining struct {
	hub, out, slug, name, nameKo, contact, redirect, release, signals, documents, listing string
}

func newSandboxCommand() *cobra.Command {
	group := &cobra.Command{Use: "sandbox", Short: "Try the hub: see idp serve --sandbox"}
	var j joining
	cmd := &cobra.Command{
		Use:   "join SLUG --out DIR",
		Short: "Register an agency at a running sandbox and list what it gives",
		Long: "Makes the agency's keys in DIR where they are missing, has them certified by the\n" +
			"sandbox, writes the trust folder to DIR/trust, and lists the agency with the data\n" +
			"sets and purposes of --listing. To change the listing, join again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			j.slug = args[0]
			return j.join(cmd)
		},
	}
	f := cmd.Flags()
	f.StringVar(&j.hub, "hub", "http://localhost:8080", "the sandbox's address")
	f.StringVar(&j.out, "out", "", "folder of the agency's keys and trust (required)")
	f.StringVar(&j.name, "name", "", "the agency's name in English (default SLUG)")
	f.StringVar(&j.nameKo, "name-ko", "", "the agency's name in Korean (default --name)")
	f.StringVar(&j.contact, "contact", "privacy@agency.example", "whom citizens write to")
	f.StringVar(&j.redirect, "redirect", "", "redirect URI, of an agency that asks for data")
	f.StringVar(&j.release, "release", "", "release address, of an agency that gives data")
	f.StringVar(&j.signals, "signals", "", "address that takes signals (sdk.Signals)")
	f.StringVar(&j.documents, "documents", "", "address at which it issues documents of its own (sdk.Issuer)")
	f.StringVar(&j.listing, "listing", "", "JSON file: data_sets, purposes, documents, resident_id")
	_ = cmd.MarkFlagRequired("out")
	group.AddCommand(cmd)
	return group
}

func (j joining) join(cmd *cobra.Command) error {
	ctx := cmd.Context()
	if j.name == "" {
		j.name = j.slug
	}
	if j.nameKo == "" {
		j.nameKo = j.name
	}
	var listing struct {
		sandbox.Listing
		Documents []catalogue.Document `json:"documents"` // they go into the entry
	}
	if j.listing != "" {
		raw, err := os.ReadFile(j.listing)
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields() // what is misspelt would not be listed, and nobody told
		if err := d.Decode(&listing); err != nil {
			return fmt.Errorf("%s: %w", j.listing, err)
		}
	}
	if err := j.free(); err != nil {
		return err
	}
	mine, err := keys.AgencyKeys(j.out)
	if err != nil {
		return err
	}
	registered, err := j.register(ctx, mine)
	if err != nil {
		return err
	}
	if err := j.keep(registered); err != nil {
		return err
	}
	version, err := j.list(ctx, mine, registered, listing.Listing, listing.Documents)
	if err != nil {
		return err
	}
	out := map[string]any{"agency": registered.Agency, "client_id": registered.ClientID, "version": version}
	return show(cmd, out, func(w io.Writer) {
		fmt.Fprintf(w, "agency   %s\n", registered.Agency)
		if registered.ClientID != "" {
			fmt.Fprintf(w, "client   %s\n", registered.ClientID)
		}
		fmt.Fprintf(w, "keys     %s (sdk.LoadKeys)\ntrust    %s (sdk.LoadTrust)\ncatalogue version %d is in force\n", j.out, filepath.Join(j.out, "trust"), version)
	})
}

// free refuses a folder with certificates of a real authority: joining would write over
// them, and over the trust in the real hub.
func (j joining) free() error {
	for _, name := range []string{"chain.pem", "documents-chain.pem", filepath.Join("trust", "agency-ca.pem")} {
		text, err := os.ReadFile(filepath.Join(j.out, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if block, _ := pem.Decode(text); err == nil && block != nil {
			if cert, err := x509.ParseCertificate(block.Bytes); err == nil && strings.HasPrefix(cert.Subject.CommonName, "SANDBOX ") {
				continue
			}
		}
		return errors.Join(err, fmt.Errorf("%s is no sandbox's, and would be overwritten: choose another --out", filepath.Join(j.out, name)))
	}
	return nil
}

func (j joining) register(ctx context.Context, mine keys.Agency) (sandbox.Registered, error) {
	var out sandbox.Registered
	csr, err := j.request(mine.Signer)
	if err != nil {
		return out, err
	}
	in := sandbox.Registration{Slug: j.slug, Name: j.name, RedirectURI: j.redirect, CSR: csr, CredentialIssuer: j.documents}
	if j.documents != "" {
		key, err := keys.DocumentKey(j.out)
		if err != nil {
			return out, err
		}
		if in.DocumentsCSR, err = j.request(key); err != nil {
			return out, err
		}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	return out, j.post(ctx, "/sandbox/agencies", "application/json", body, &out)
}

func (j joining) request(key crypto.Signer) (string, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: j.name}}, key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), err
}

// keep writes what the sandbox gave.
func (j joining) keep(r sandbox.Registered) error {
	trust := filepath.Join(j.out, "trust")
	if err := os.MkdirAll(trust, 0o755); err != nil { //nolint:gosec // G301: a trust folder is public
		return err
	}
	for name, text := range r.Trust {
		if name != filepath.Base(name) {
			return fmt.Errorf("the sandbox names a file %q", name)
		}
		if err := os.WriteFile(filepath.Join(trust, name), []byte(text), 0o644); err != nil { //nolint:gosec // G306: public keys
			return err
		}
	}
	if r.DocumentsChain != "" {
		if err := os.WriteFile(filepath.Join(j.out, "documents-chain.pem"), []byte(r.DocumentsChain), 0o644); err != nil { //nolint:gosec // G306: a certificate
			return err
		}
	}
	return os.WriteFile(filepath.Join(j.out, "chain.pem"), []byte(r.Chain), 0o644) //nolint:gosec // G306: a certificate
}

func (j joining) list(ctx context.Context, mine keys.Agency, r sandbox.Registered, l sandbox.Listing, documents []catalogue.Document) (int64, error) {
	chain, err := keys.ReadChain(filepath.Join(j.out, "chain.pem"), mine.Signer)
	if err != nil {
		return 0, err
	}
	public := jose.JSONWebKey{Key: mine.Encryption.Public(), Use: "enc", Algorithm: string(jose.ECDH_ES)}
	if public.KeyID, err = approval.Thumbprint(public); err != nil {
		return 0, err
	}
	now := time.Now().Unix()
	if l.Entry, err = catalogue.SignEntry(catalogue.Entry{Issuer: r.Agency, IssuedAt: now, Contact: j.contact, Release: j.release, Signals: j.signals,
		CredentialIssuer: j.documents, Documents: documents,
		Name: catalogue.Text{"en": j.name, "ko": j.nameKo}, JWKS: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}}, mine.Signer, chain); err != nil {
		return 0, err
	}
	l.IssuedAt = now
	for i := range l.DataSets {
		if l.DataSets[i].Provider == "" {
			l.DataSets[i].Provider = r.Agency
		}
	}
	payload, err := json.Marshal(l)
	if err != nil {
		return 0, err
	}
	jws, err := catalogue.SignAs(sandbox.ListingType, payload, mine.Signer, chain)
	if err != nil {
		return 0, err
	}
	var out struct {
		Version int64 `json:"version"`
	}
	return out.Version, j.post(ctx, "/sandbox/listings", "application/jose", []byte(jws), &out)
}

func (j joining) post(ctx context.Context, path, media string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.hub+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("is a sandbox running (idp serve --sandbox), and at the address that --hub names? %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusBadRequest {
		var p struct{ Check, Cause string }
		if json.Unmarshal(text, &p) != nil || p.Cause == "" {
			return fmt.Errorf("the hub answers %s: it is no sandbox", res.Status)
		}
		return errors.New(p.Check + ": " + p.Cause)
	}
	return json.Unmarshal(text, into)
}
