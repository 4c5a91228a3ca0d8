package citizen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Credential, Consent, Event and Passkey are what the dashboard shows of each,
// as far as tests ask.
type (
	Credential struct {
		ID     string    `json:"id"`
		VCT    string    `json:"vct"`
		Status string    `json:"status"`
		Issued time.Time `json:"issued_at"`
	}
	Consent struct {
		Grant        string   `json:"grant_id"`
		State        string   `json:"state"`
		Claims       []string `json:"claims"`
		Uses         int      `json:"uses"`
		MaxUses      int      `json:"max_uses"`
		Reason       string   `json:"reason"`
		Receipt      string   `json:"receipt"`
		Withdrawable bool     `json:"withdrawable"`
	}
	Event struct {
		Grant string    `json:"grant_id"`
		Kind  string    `json:"kind"`
		At    time.Time `json:"at"`
		By    string    `json:"by"`
		Use   int       `json:"use"`
	}
	Passkey struct {
		ID      string `json:"id"`
		Current bool   `json:"current"`
	}
)

// Credentials of the citizen.
func (c *Citizen) Credentials(ctx context.Context) ([]Credential, error) {
	var out struct{ Credentials []Credential }
	err := c.Get(ctx, c.Hub+"/me", &out)
	return out.Credentials, err
}

// Consents of the citizen.
func (c *Citizen) Consents(ctx context.Context) ([]Consent, error) {
	var out struct{ Consents []Consent }
	err := c.Get(ctx, c.Hub+"/me/consents", &out)
	return out.Consents, err
}

// Consent finds one.
func (c *Citizen) Consent(ctx context.Context, grant string) (Consent, error) {
	all, err := c.Consents(ctx)
	if err != nil {
		return Consent{}, err
	}
	for _, one := range all {
		if one.Grant == grant {
			return one, nil
		}
	}
	return Consent{}, errors.New("the dashboard has no consent " + grant)
}

// History of the citizen.
func (c *Citizen) History(ctx context.Context) ([]Event, error) {
	var out struct{ History []Event }
	err := c.Get(ctx, c.Hub+"/me/history", &out)
	return out.History, err
}

// Passkeys of the citizen.
func (c *Citizen) Passkeys(ctx context.Context) ([]Passkey, error) {
	var out struct{ Passkeys []Passkey }
	err := c.Get(ctx, c.Hub+"/me/passkeys", &out)
	return out.Passkeys, err
}

// Receipt downloads the citizen's copy.
func (c *Citizen) Receipt(ctx context.Context, grant string) (json.RawMessage, error) {
	var out json.RawMessage
	err := c.Get(ctx, c.Hub+"/me/receipts/"+url.PathEscape(grant), &out)
	return out, err
}

// Withdraw a consent. To withdraw again changes nothing.
func (c *Citizen) Withdraw(ctx context.Context, grant string) error {
	return c.Post(ctx, c.Hub+"/me/consents/"+url.PathEscape(grant)+"/withdraw", struct{}{}, nil)
}

// Revoke a credential.
func (c *Citizen) Revoke(ctx context.Context, id string) error {
	return c.Post(ctx, c.Hub+"/me/credentials/"+url.PathEscape(id)+"/revoke", struct{}{}, nil)
}

// Offer asks for a mobile ID: the link of the offer and its transaction code. It
// logs in again where the login is too old for it.
func (c *Citizen) Offer(ctx context.Context) (link, txCode string, err error) {
	var out struct {
		Offer  string `json:"credential_offer"`
		TxCode string `json:"tx_code"`
	}
	ask := func() error { return c.Post(ctx, c.Hub+"/me/credentials/offer", struct{}{}, &out) }
	err = ask()
	if refused, ok := errors.AsType[*Answer](err); ok && refused.Status == http.StatusForbidden {
		var page Page
		if page, err = c.Open(ctx, c.Hub+"/login?again=card"); err == nil {
			if _, err = c.signIn(ctx, page); err == nil {
				err = ask()
			}
		}
	}
	return out.Offer, out.TxCode, err
}

// AddPasskey makes one more passkey on the phone and confirms it with an
// existing one. Repeated after an error, it may leave a passkey on the phone
// that the hub does not know.
func (c *Citizen) AddPasskey(ctx context.Context) error {
	page, err := c.Open(ctx, c.Hub+"/me/passkeys/add")
	if err != nil {
		return err
	}
	form, ok := passkeyForm(page, "create")
	if !ok {
		return errors.New("add passkey: the page has no form")
	}
	to, err := c.ceremony(ctx, form, struct{}{})
	if err != nil {
		return err
	}
	return c.confirm(ctx, to)
}

// confirm signs a change of passkeys on its page.
func (c *Citizen) confirm(ctx context.Context, address string) error {
	page, err := c.Open(ctx, address)
	if err != nil {
		return err
	}
	form, ok := passkeyForm(page, "get")
	if !ok {
		return errors.New("change passkeys: the page has no form")
	}
	_, err = c.ceremony(ctx, form, struct{}{})
	return err
}

// RemovePasskey signs the removal of a passkey with another one.
func (c *Citizen) RemovePasskey(ctx context.Context, id string) error {
	return c.confirm(ctx, c.Hub+"/me/passkeys/remove/"+url.PathEscape(id))
}

// Resume confirms by passkey that a consent goes on which was paused for a
// reason.
func (c *Citizen) Resume(ctx context.Context, grant string) error {
	return c.confirm(ctx, c.Hub+"/me/consents/"+url.PathEscape(grant)+"/resume")
}

// SignWithdrawal withdraws by passkey and answers the file that the citizen keeps,
// for the provider.
func (c *Citizen) SignWithdrawal(ctx context.Context, grant string) ([]byte, error) {
	address := c.Hub + "/me/consents/" + url.PathEscape(grant) + "/withdraw"
	if err := c.confirm(ctx, address); err != nil {
		return nil, err
	}
	file, err := c.Do(ctx, http.MethodGet, strings.TrimSuffix(address, "withdraw")+"withdrawal", "", nil)
	if err == nil && file.Status != http.StatusOK {
		err = fmt.Errorf("signed withdrawal: %d", file.Status)
	}
	return file.Body, err
}

// Refused says that an error is a refusal with this status; 0 means any.
func Refused(err error, status int) bool {
	var a *Answer
	return errors.As(err, &a) && (status == 0 || a.Status == status)
}
