package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"

	"github.com/govmydata/mydata/conformance/stage"
)

// kiosk says who one is at a counter (RFC 8628): a wrong code, no, yes.
func (v *visit) kiosk() error {
	return all(
		v.to(stage.IDP, "/device"), v.looks("device"),
		v.types("BBBB-BBBB"), v.sees("#wrong"), v.looks("device-wrong-code"),
		v.asked, v.arrives(stage.IDP, "/login?request="), v.looks("device-login"),
		v.presses("form[data-webauthn=get] button"), v.arrives(stage.IDP, "/device/"), v.looks("device-ask"),
		v.clicks("form[action$='/deny'] button"), v.arrives(stage.IDP, "/device/done"), v.looks("device-denied"),
		v.to(stage.IDP, "/device"), v.asked, v.arrives(stage.IDP, "/login?request="), v.presses("form[data-webauthn=get] button"), v.arrives(stage.IDP, "/device/"),
		v.presses("form[action^='/device/']:not([action$='/deny']) button"),
		v.arrives(stage.IDP, "/device/done"), v.looks("device-agreed"),
	)
}

func (v *visit) presses(selector string) func() error {
	return func() error { return v.press(selector) }
}

func (v *visit) types(code string) func() error {
	return func() error {
		return all(func() error { return v.fill("#user_code", code) }, v.presses("form[action='/device'] button"))
	}
}

// asked types the code that a kiosk shows.
func (v *visit) asked() error {
	const id = "kiosk"
	secret, err := v.registered(id, map[string]any{
		"client_name": "Town hall kiosk", "client_name#ko": "구청 무인 안내기", "place#en": "Town hall, counter 3", "place#ko": "구청 1층 3번 창구",
		"grant_types": []string{"urn:ietf:params:oauth:grant-type:device_code"}, "scope": "openid",
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(v.ctx, http.MethodPost, v.URL(stage.IDP)+"/device_authorization", strings.NewReader("scope=openid"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Code string `json:"user_code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Code == "" {
		return fmt.Errorf("ask as a kiosk: %s %w", resp.Status, err)
	}
	return v.types(answer.Code)()
}

// registered has the operator register a client, once on this stage.
func (s *show) registered(id string, metadata map[string]any) (secret string, err error) {
	if secret, ok := s.secrets[id]; ok {
		return secret, nil
	}
	metadata["client_id"] = id
	file := filepath.Join(s.Data(), "..", id+".json")
	text, err := json.Marshal(metadata)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return "", err
	}
	var answer struct {
		Secret string `json:"client_secret"`
	}
	if err := s.ask(&answer, "idp", "client", "add", "--metadata", file); err != nil {
		return "", err
	}
	s.secrets[id] = answer.Secret
	return answer.Secret, nil
}

// logins are what an ordinary service does with a login: ask once more, and end it.
func (v *visit) logins() error {
	_, err := v.registered("library", map[string]any{
		"client_name": "City library", "client_name#ko": "시립 도서관", "scope": "openid",
		"redirect_uris": []string{v.URL(stage.Wallet) + "/callback"}, "post_logout_redirect_uris": []string{v.URL(stage.Wallet) + "/"},
	})
	if err != nil {
		return err
	}
	question := "/authorize?" + url.Values{
		"client_id": {"library"}, "response_type": {"code"}, "redirect_uri": {v.URL(stage.Wallet) + "/callback"}, "scope": {"openid"},
		"prompt": {"consent"}, "code_challenge_method": {"S256"}, "code_challenge": {strings.Repeat("A", 43)},
	}.Encode()
	end := "/end_session?" + url.Values{"client_id": {"library"}, "post_logout_redirect_uri": {v.URL(stage.Wallet) + "/"}}.Encode()
	return all(
		v.to(stage.IDP, question), v.arrives(stage.IDP, "/consent/"), v.looks("consent"),
		v.clicks("form[action^='/login/deny'] button"), v.arrives(stage.Wallet, "/callback?error=access_denied"),
		v.to(stage.IDP, end), v.looks("end-session"),
		v.clicks("a[href='/me']"), v.arrives(stage.IDP, "/me"),
		v.to(stage.IDP, "/me/lost"), v.looks("lost"),
	)
}

// payment is a question of a relying party's own, answered on another device: the
// person types on its page the number that the wallet's browser shows.
func (v *visit) payment() error {
	file := filepath.Join(v.Data(), "..", "statement.json")
	text := `[{"type":"urn:mydata:transaction:payment:1","credential_ids":["resident_card"],"payee":"City library","amount":12000,"currency":"KRW","reference":"2026-118"}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	var placed struct{ Page string }
	var link, page, number string
	return all(
		func() error {
			return v.ask(&placed, "verifier", "ask", "--transaction-data", file, "--page", "--purpose", "Fee of 2026")
		},
		func() error { return v.open(placed.Page) }, v.looks("verifier-open"),
		v.presses("form[action^='/open/'] button"), v.arrives(stage.Verifier, "/result/"), v.looks("verifier-ordered"),
		func() (err error) { page = v.here(); link, err = v.hidden("#request"); return err },
		func() error { return v.paste(link) },
		v.sees("button[value=share]"), v.looks("wallet-request-signed"), v.clicks("button[value=share]"),
		v.arrives(stage.Verifier, "/number/"), v.looks("verifier-number"),
		func() (err error) { number, err = v.text("#number"); return err },
		func() error { return v.open(page) }, v.sees("#number"), v.looks("verifier-number-wanted"),
		func() error { return v.fill("#number", "000000") }, v.presses("form[action$='/number'] button"),
		v.sees("#number-wrong"), v.looks("verifier-number-wrong"),
		func() error { return v.fill("#number", number) }, v.presses("form[action$='/number'] button"),
		v.sees(".state-verified"), v.looks("verifier-signed"), v.record,
	)
}

// record saves what the verifier keeps of it, and verifies that offline.
func (v *visit) record() error {
	text, err := v.fetched("a[download]")
	if err != nil {
		return err
	}
	file, err := v.receiptFile("record", text)
	if err == nil {
		_, err = v.Command(v.ctx, "verifier", "record", "verify", file)
	}
	return err
}

// paste gives the wallet a link, as one that another device's code says.
func (v *visit) paste(link string) error {
	s := chromedp.CSS("#link")
	return all(v.to(stage.Wallet, "/"), v.sees("#link"),
		func() error { return v.do(chromedp.SendKeys(s, link)) }, v.clicks("form[action='/open'] button"))
}

// folds wants a word in the alert, which may be folded away.
func (v *visit) folds(word string) func() error {
	return func() error {
		text, err := v.hidden("[role=alert]")
		if err == nil && !strings.Contains(text, word) {
			err = v.trouble("read "+word, errors.New("the alert does not say it"))
		}
		return err
	}
}

// hidden is a text that may stand in closed details.
func (v *visit) hidden(selector string) (string, error) {
	text, err := get(v.walk, chromedp.TextContent(chromedp.CSS(selector), chromedp.NodeReady))
	return strings.TrimSpace(text), err
}
