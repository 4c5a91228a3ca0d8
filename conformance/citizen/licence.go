package citizen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Ask presses the licence site's one button and logs in at the hub where it
// asks for that; it ends at the approval page.
func (c *Citizen) Ask(ctx context.Context, licence string) (Page, error) {
	page, err := c.follow(ctx, http.MethodPost, licence+"/renew", formType, nil)
	if err == nil {
		page, err = c.signIn(ctx, page)
	}
	if err != nil {
		return page, fmt.Errorf("%s asks for a renewal: %w", c.Name, err)
	}
	if _, ok := page.Form("approve"); !ok {
		return page, fmt.Errorf("%s asks for a renewal: came to %s, no approval page", c.Name, page.URL.Path)
	}
	return page, nil
}

// Approve signs on the approval page, with these of its optional claims left
// ticked, and goes on to where the answer leads: the agency's page. Repeated, it
// grants nothing more.
func (c *Citizen) Approve(ctx context.Context, page Page, ticked ...string) (Page, error) {
	to, err := c.Sign(ctx, page, ticked...)
	if err == nil {
		page, err = c.Open(ctx, to)
	}
	if err != nil {
		return page, fmt.Errorf("%s approves: %w", c.Name, err)
	}
	return page, nil
}

// Sign is the half of Approve that happens on the hub's page; it answers where
// to go on. To an approval page that was signed before, its answer lost, it
// answers the same.
func (c *Citizen) Sign(ctx context.Context, page Page, ticked ...string) (string, error) {
	form, ok := page.Form("approve")
	if !ok {
		return "", errors.New("no approval page")
	}
	for _, name := range ticked {
		if !slices.Contains(form.Boxes["claims"], name) {
			return "", fmt.Errorf("%q is not asked for as optional", name)
		}
	}
	if ticked == nil {
		ticked = []string{}
	}
	fields := map[string][]string{"claims": ticked}
	if parts := form.Boxes["grants"]; len(parts) > 0 { // a bundle
		fields["grants"] = parts
		if c.Parts != nil {
			fields["grants"] = c.Parts
		}
	}
	to, err := c.ceremony(ctx, form, fields)
	if !Refused(err, http.StatusConflict) {
		return to, err
	}
	again, repeat := c.Do(ctx, http.MethodGet, page.URL.String(), "", nil)
	if repeat != nil || again.Status != http.StatusSeeOther {
		return "", errors.Join(err, repeat)
	}
	u, err := again.URL.Parse(again.Header.Get("Location"))
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// Deny says no on the approval page and goes on to the agency's page, which
// answers with a refusal of its own.
func (c *Citizen) Deny(ctx context.Context, page Page) (Page, error) {
	form, ok := page.Form("deny")
	if !ok {
		return page, errors.New("no approval page")
	}
	return c.Submit(ctx, form)
}

// Renew asks, approves and answers the grant at whose page it ended.
func (c *Citizen) Renew(ctx context.Context, licence string, ticked ...string) (grant string, err error) {
	page, err := c.Ask(ctx, licence)
	if err == nil {
		page, err = c.Approve(ctx, page, ticked...)
	}
	if err != nil {
		return "", err
	}
	return Grant(page)
}

// Grant whose page this is.
func Grant(page Page) (string, error) {
	grant, ok := strings.CutPrefix(page.URL.Path, "/renewal/")
	if !ok {
		return "", fmt.Errorf("came to %s, no page of a renewal", page.URL.Path)
	}
	return grant, nil
}

// Again makes the agency use a grant once more. A refusal has status 409.
func (c *Citizen) Again(ctx context.Context, licence, grant string) error {
	_, err := c.follow(ctx, http.MethodPost, licence+"/renewal/"+url.PathEscape(grant)+"/again", formType, nil)
	return err
}

// Renewals lists the grants that the licence site shows to this browser.
func (c *Citizen) Renewals(ctx context.Context, licence string) ([]string, error) {
	page, err := c.Open(ctx, licence+"/")
	if err != nil {
		return nil, err
	}
	var grants []string
	for _, l := range page.Links {
		if grant, ok := strings.CutPrefix(l.URL.Path, "/renewal/"); ok {
			grants = append(grants, grant)
		}
	}
	return grants, nil
}
