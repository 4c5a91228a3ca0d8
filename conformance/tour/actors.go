package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/govmydata/mydata/conformance/stage"
)

// An actor is one resident's walk in one language.
type actor struct {
	resident, lang string
	optional       bool // leaves the optional field ticked
}

var actors = []actor{{"resident-01", "ko", true}, {"resident-02", "en", false}}

// play walks the whole story as one resident.
func (s *show) play(b *browser, a actor, out, axe string, say func(string, ...any)) error {
	p, err := b.person(a.lang)
	if err != nil {
		return err
	}
	defer p.cancel()
	w := &walk{person: p, lang: a.lang, out: out, axe: axe, say: say}
	v := &visit{show: s, walk: w, actor: a}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"enrol", v.enrol},
		{"put a mobile ID into the wallet", v.receive},
		{"prove it to a verifier", v.prove},
		{"pay at another device", v.payment},
		{"be known at a kiosk", v.kiosk},
		{"log in at a service, and out", v.logins},
		{"put a resident extract into the wallet", v.extract},
		{"renew a licence", v.renew},
		{"see what left the insurer", v.insurer},
		{"read the history and check the receipt", v.history},
		{"look at the pages beside the way", v.aside},
		{"withdraw, and see the second use refused", v.withdraw},
		{"refuse, and keep the proof", v.refuse},
		{"meet what goes wrong", v.mishaps},
		{"apply for housing benefit", v.apply},
		{"add and remove a passkey", v.passkeys},
		{"lose the phone", v.lose},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// A visit is an actor's walk on a stage.
type visit struct {
	*show
	*walk
	actor   actor
	receipt []byte
}

// all runs steps until one fails.
func all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) to(service, path string) func() error {
	return func() error { return v.open(v.URL(service) + path) }
}

func (v *visit) clicks(selector string) func() error {
	return func() error { return v.click(selector) }
}

func (v *visit) looks(name string) func() error {
	return func() error { return v.page(name) }
}

func (v *visit) arrives(service, path string) func() error {
	return func() error { return v.at(v.URL(service) + path) }
}

func (v *visit) sees(selector string) func() error {
	return func() error { return v.see(selector) }
}

// link is the enrolment link that the story printed for the resident.
func (v *visit) link() (string, error) {
	for line := range strings.Lines(v.Guide()) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == v.actor.resident {
			return fields[len(fields)-1], nil
		}
	}
	return "", errors.New("the guide has no link for " + v.actor.resident)
}

func (v *visit) enrol() error {
	link, err := v.link()
	if err != nil {
		return err
	}
	return all(
		v.to(stage.IDP, "/"), v.looks("idp"),
		func() error { return v.open(link) }, v.looks("enrol"),
		func() error { return v.press("form[data-webauthn=create] button[type=submit]") },
		v.arrives(stage.IDP, "/me"), v.looks("enrolled"),
	)
}

func (v *visit) receive() error {
	wrong := func() error {
		if err := v.fill("#tx_code", "000000"); err != nil {
			return err
		}
		return all(v.clicks("form[action='/accept'] button[type=submit]"), v.sees("#tx-wrong"), v.looks("wallet-wrong-code"))
	}
	var code string
	return all(
		v.to(stage.IDP, "/me"), v.clicks("form[action='/me/credentials/offer'] button"), v.sees("#tx-code"), v.looks("add-to-phone"),
		func() (err error) { code, err = v.text("#tx-code"); return err },
		v.clicks("#demo-wallet"), v.arrives(stage.Wallet, "/"), v.looks("wallet-offer"),
		wrong,
		func() error { return v.fill("#tx_code", strings.ReplaceAll(code, " ", "")) },
		v.clicks("form[action='/accept'] button[type=submit]"),
		v.sees("a.face"), v.looks("wallet-card-arrived"),
		v.clicks("a.face"), v.arrives(stage.Wallet, "/cards/"), v.looks("wallet-card"),
		v.to(stage.IDP, "/me"), v.sees(".state-valid"), v.looks("my-credentials"),
	)
}

func (v *visit) prove() error {
	return all(
		v.to(stage.Verifier, "/"), v.looks("verifier"),
		v.clicks("form[action='/requests'] button"), v.sees("#open-demo-wallet"), v.looks("verifier-waiting"),
		v.clicks("#open-demo-wallet"), v.arrives(stage.Wallet, "/"), v.looks("wallet-request"),
		v.clicks("button[value=share]"),
		v.arrives(stage.Verifier, "/result/"), v.sees(".state-verified"), v.looks("verifier-verified"),
		func() error { return v.disclosed("name", "birthdate") },
	)
}

// disclosed wants these claims on the verifier's page, and no other.
func (v *visit) disclosed(names ...string) error {
	n, err := v.count("#claims [data-claim]")
	if err != nil {
		return err
	}
	if n != len(names) {
		return v.trouble("count the disclosed claims", fmt.Errorf("%d, wanted %d", n, len(names)))
	}
	for _, name := range names {
		if err := v.see("#claims [data-claim='" + name + "']"); err != nil {
			return err
		}
	}
	failed, err := v.count("#checks [data-ok=false]")
	if err == nil && failed > 0 {
		err = v.trouble("read the checks", fmt.Errorf("%d failed", failed))
	}
	return err
}

// receiptFile keeps what the citizen downloaded, and what a forger makes of it.
func (v *visit) receiptFile(name string, text []byte) (string, error) {
	path := filepath.Join(v.Data(), "..", v.actor.resident+"-"+name+".json")
	return path, os.WriteFile(path, text, 0o600)
}

// checkReceipt verifies the receipt offline, and a forged one.
func (v *visit) checkReceipt() error {
	path, err := v.receiptFile("receipt", v.receipt)
	if err != nil {
		return err
	}
	trust := v.Path("trust")
	if out, err := v.idp("receipt", "verify", path, "--trust", trust); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	forged, err := forge(v.receipt)
	if err != nil {
		return err
	}
	if path, err = v.receiptFile("forged", forged); err != nil {
		return err
	}
	if out, err := v.idp("receipt", "verify", path, "--trust", trust); err == nil {
		return fmt.Errorf("a forged receipt passed:\n%s", out)
	}
	return nil
}

// forge lets the terms of a receipt grant one use more.
func forge(text []byte) ([]byte, error) {
	var receipt map[string]any
	if err := json.Unmarshal(text, &receipt); err != nil {
		return nil, err
	}
	terms, ok := receipt["terms"].(map[string]any)
	if !ok {
		return nil, errors.New("the receipt has no terms")
	}
	terms["max_uses"] = 3
	return json.Marshal(receipt)
}
