package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/oauth"
	"github.com/govmydata/mydata/internal/registry"
	"github.com/govmydata/mydata/pkg/catalogue"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const (
	// Step is the name of this page among the steps of an interaction.
	Step = "document"
	// tokenLife is how long a wallet has to fetch the document: the agency takes no
	// token that lives over ten minutes, since nobody can take it back.
	tokenLife = 5 * time.Minute
	// loginLife is how old a login may be on whose strength a citizen agrees.
	loginLife = 5 * time.Minute
)

// People is what a token needs to know of a citizen.
type People interface {
	// Pairwise answers the citizen's sub at an agency.
	Pairwise(ctx context.Context, citizen, sector string) (string, error)
	// Resident answers the register's entry of a citizen.
	Resident(ctx context.Context, citizen string) (account.Resident, error)
}

// Documents is the detail type openid_credential, for the documents of agencies.
type Documents struct {
	People    People
	Catalogue func() *catalogue.Catalogue // nil before the first
}

var _ oauth.Stepped = (*Documents)(nil)

// Type is the value of the member "type".
func (d *Documents) Type() string { return openid4vci.DetailType }

// Step is where the citizen agrees.
func (d *Documents) Step() string { return Step }

// MaxAge keeps an open browser from being enough.
func (d *Documents) MaxAge() time.Duration { return loginLife }

// Validate takes one document for a wallet that proves possession of a key.
func (d *Documents) Validate(_ context.Context, c registry.Client, details []json.RawMessage, _ json.RawMessage) ([]string, error) {
	switch {
	case c.Agency != "":
		return nil, invalid("client", "documents go to wallets; an agency asks for facts")
	case !c.DPoP:
		return nil, invalid("client", "its tokens are not bound to a key (dpop_bound_access_tokens)")
	case len(details) != 1:
		return nil, invalid("authorization_details", "ask for one document at a time")
	}
	detail, err := openid4vci.ParseDetail(details[0])
	if err != nil {
		return nil, unread(err)
	}
	ref := reference(detail)
	if _, _, err := d.find(ref); err != nil {
		return nil, err
	}
	return []string{ref}, nil
}

// Select reads the element of a token request.
func (d *Documents) Select(detail json.RawMessage) (string, error) {
	asked, err := openid4vci.ParseDetail(detail)
	if err != nil {
		return "", unread(err)
	}
	return reference(asked), nil
}

// reference is id@issuer: an id of the catalogue is a plain name.
func reference(d openid4vci.Detail) string {
	return d.CredentialConfigurationID + "@" + d.Locations[0]
}

// find answers which agency's document a reference is, as the catalogue has it now.
func (d *Documents) find(ref string) (catalogue.Agency, catalogue.Document, error) {
	id, issuer, _ := strings.Cut(ref, "@")
	var agency catalogue.Agency
	known := false
	if c := d.Catalogue(); c != nil {
		agency, known = c.Issuer(issuer)
	}
	if !known {
		return catalogue.Agency{}, catalogue.Document{}, invalid("locations", "no agency of the catalogue issues documents there")
	}
	document, ok := agency.Document(id)
	if !ok {
		return catalogue.Agency{}, catalogue.Document{}, invalid("credential_configuration_id", "the agency lists no such document")
	}
	return agency, document, nil
}

// Authorize gives the token: who the person is, for the agency's eyes alone.
func (d *Documents) Authorize(ctx context.Context, _ registry.Client, citizen, ref string) (oauth.Authorized, error) {
	agency, document, err := d.find(ref)
	if why, ok := errors.AsType[*oauth.Refusal](err); ok { // it was delisted meanwhile
		return oauth.Authorized{}, &oauth.Refusal{Code: "invalid_grant", Description: why.Description, Err: err}
	}
	if err != nil {
		return oauth.Authorized{}, err
	}
	who := openid4vci.Subject{}
	if who.Sub, err = d.People.Pairwise(ctx, citizen, agency.ID); err != nil {
		return oauth.Authorized{}, fmt.Errorf("document: %w", err)
	}
	if agency.ResidentID {
		resident, err := d.People.Resident(ctx, citizen)
		if errors.Is(err, account.ErrNotFound) {
			return oauth.Authorized{}, &oauth.Refusal{Code: "invalid_grant", Description: "resident: the agency cannot be told who the person is", Err: err}
		}
		if err != nil {
			return oauth.Authorized{}, fmt.Errorf("document: %w", err)
		}
		who.ResidentID = resident.ID
	}
	sealed, err := openid4vci.SealSubject(who, *agency.EncryptionKey)
	if err != nil {
		return oauth.Authorized{}, fmt.Errorf("document: %w", err)
	}
	given := []openid4vci.Detail{{Type: openid4vci.DetailType, CredentialConfigurationID: document.ID,
		Locations: []string{agency.CredentialIssuer}, CredentialIdentifiers: []string{document.ID}}}
	details, err := json.Marshal(given)
	if err != nil {
		return oauth.Authorized{}, fmt.Errorf("document: %w", err)
	}
	return oauth.Authorized{Audience: agency.CredentialIssuer, TTL: tokenLife, Details: details,
		Claims: map[string]any{"authorization_details": given, openid4vci.SubjectClaim: sealed}}, nil
}

func invalid(check, cause string) error {
	return &oauth.Refusal{Code: "invalid_authorization_details", Description: check + ": " + cause}
}

func unread(err error) error {
	if why, ok := errors.AsType[*openid4vci.Error](err); ok {
		return &oauth.Refusal{Code: "invalid_authorization_details", Description: why.Description, Err: err}
	}
	return err
}
