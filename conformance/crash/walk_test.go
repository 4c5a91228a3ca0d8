package crash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

// A walk is one citizen on the way through the story, with notes of everything
// that was acknowledged.
type walk struct {
	*world
	resident string
	c        *citizen.Citizen
	letter   stage.Letter
	tries    int          // of enrolment
	page     citizen.Page // of the question under way
	to       string       // where the signature led
	grant    string       // the one under way
	anew     int          // questions begun again, because an answer was lost for good
	notes
}

// notes are what a citizen was told is done.
type notes struct {
	passkeys []string
	cards    []string // in the wallet
	grants   map[string]*noted
}

type noted struct {
	uses      int
	withdrawn bool
	receipts  [][]byte // the citizen's and the agency's, as they came
}

func (w *world) newWalk() *walk {
	n := len(w.walks) + 1
	k := &walk{world: w, resident: fmt.Sprintf("resident-%02d", n)}
	k.c = citizen.New(w.stage.URL(stage.IDP), k.resident)
	k.c.Lang, k.grants = "en", map[string]*noted{}
	w.walks = append(w.walks, k)
	return k
}

// A step of the story. Done again after an error, it does nothing twice.
type step struct {
	name string
	do   func(*walk, context.Context) error
}

var story = []step{
	{"get a letter", (*walk).write},
	{"enrol", (*walk).enrol},
	{"log in", (*walk).login},
	{"take a card", (*walk).takeCard},
	{"show the card", (*walk).showCard},
	{"be asked", (*walk).ask},
	{"approve", (*walk).approve},
	{"let it be used", (*walk).use},
	{"take the receipts", (*walk).takeReceipts},
	{"let it be used again", (*walk).useAgain},
	{"find it used up", (*walk).findConsumed},
	{"be asked again", (*walk).ask},
	{"approve again", (*walk).approve},
	{"let that be used", (*walk).use},
	{"withdraw", (*walk).withdraw},
	{"find it refused", (*walk).findWithdrawn},
	{"take those receipts", (*walk).takeReceipts},
	{"audit", (*walk).audit},
}

// take a step, however often it takes.
func (k *walk) take(s step) {
	k.Helper()
	k.gates.begin(s.name)
	k.until(k.resident+" tries to "+s.name, func(ctx context.Context) error { return s.do(k, ctx) })
}

// write has the operator write a letter. While the hub is down there is none, and
// the one before stays in hand.
func (k *walk) write(ctx context.Context) error {
	letter, err := k.stage.Letter(ctx, k.resident, false)
	if err == nil {
		k.letter = letter
	}
	return err
}

// enrol takes another letter when a code has had its five tries.
func (k *walk) enrol(ctx context.Context) error {
	if err := k.c.Enrol(ctx, k.letter.URL); err != nil {
		if k.tries++; k.tries%5 == 0 {
			return errors.Join(err, k.write(ctx))
		}
		return err
	}
	keys, err := k.c.Passkeys(ctx)
	if err != nil {
		return err
	}
	k.passkeys = nil
	for _, key := range keys {
		k.passkeys = append(k.passkeys, key.ID)
	}
	return nil
}

// login is from another browser.
func (k *walk) login(ctx context.Context) error {
	k.c.Forget()
	return k.c.Login(ctx)
}

// takeCard has the wallet's pages redeem an offer of the dashboard.
func (k *walk) takeCard(ctx context.Context) error {
	link, txCode, err := k.c.Offer(ctx)
	if err != nil {
		return err
	}
	page, err := k.c.Open(ctx, k.stage.URL(stage.Wallet)+"/?"+url.Values{"offer": {link}}.Encode())
	if err != nil {
		return err
	}
	form, ok := page.Form("/accept")
	if !ok {
		return errors.New("the wallet shows no offer")
	}
	form.Fields.Set("tx_code", strings.ReplaceAll(txCode, " ", ""))
	if page, err = k.c.Submit(ctx, form); err != nil {
		return err
	}
	card := page.URL.Query().Get("new")
	if card == "" {
		return fmt.Errorf("came to %s, no card", page.URL.Path)
	}
	k.cards = append(k.cards, card)
	return nil
}

// showCard answers the verifier's question with the wallet's pages.
func (k *walk) showCard(ctx context.Context) error {
	page, err := k.c.BeginProof(ctx, k.stage.URL(stage.Verifier))
	if err != nil {
		return err
	}
	link := url.Values{"request": {citizen.ProofLink(page)}}
	if page, err = k.c.Open(ctx, k.stage.URL(stage.Wallet)+"/?"+link.Encode()); err != nil {
		return err
	}
	form, ok := page.Form("/answer")
	if !ok {
		return errors.New("the wallet shows no request")
	}
	form.Fields.Set("decision", "share")
	if page, err = k.c.Submit(ctx, form); err != nil {
		return err
	}
	var result struct{ Status string }
	if err := k.c.Get(ctx, page.URL.String(), &result); err != nil {
		return err
	}
	if result.Status != "verified" {
		return fmt.Errorf("the card is %q", result.Status)
	}
	return nil
}

func (k *walk) licence() string { return k.stage.URL(stage.Licence) }

func (k *walk) ask(ctx context.Context) (err error) {
	k.page, err = k.c.Ask(ctx, k.licence())
	return err
}

// approve signs, and notes the grant that stands then.
func (k *walk) approve(ctx context.Context) error {
	to, err := k.c.Sign(ctx, k.page)
	if err != nil {
		return err
	}
	consents, err := k.c.Consents(ctx)
	if err != nil {
		return err
	}
	for _, one := range consents {
		if one.State == "active" && k.grants[one.Grant] == nil {
			k.to, k.grant, k.grants[one.Grant] = to, one.Grant, &noted{}
			return nil
		}
	}
	return errors.New("signed, and nothing new is active")
}

// use goes on from the approval to the agency's page. Where the way on was used
// up by a try whose answer was lost, the agency may have the answer, or fetch
// it, or has to ask anew.
func (k *walk) use(ctx context.Context) error {
	if k.to == "" { // asked anew
		if err := k.approve(ctx); err != nil {
			return err
		}
	}
	page, err := k.c.Open(ctx, k.to)
	if err == nil {
		grant, err := citizen.Grant(page)
		if err != nil {
			return err
		}
		if grant != k.grant {
			k.Fatalf("approved %s, and %s was used", k.grant, grant)
		}
		k.grants[grant].uses = 1
		return nil
	}
	if !citizen.Refused(err, 0) || unavailable(err) {
		return err
	}
	question, again := k.c.Ask(ctx, k.licence()) // at least it logs in there
	if again != nil {
		return errors.Join(err, again)
	}
	switch err := k.fetch(ctx, 1); {
	case err == nil:
		return nil
	case !citizen.Refused(err, http.StatusNotFound):
		return err
	}
	k.anew++
	k.page, k.to = question, ""
	return errors.New("asked anew")
}

// fetch finds use n at the agency, or has it fetched there.
func (k *walk) fetch(ctx context.Context, n int) error {
	address := k.licence() + "/renewal/" + k.grant
	page, err := k.c.Open(ctx, address)
	if err != nil || !bytes.Contains(page.Body, fmt.Appendf(nil, "%d of 2", n)) {
		if err := k.c.Again(ctx, k.licence(), k.grant); err != nil && !citizen.Refused(err, http.StatusConflict) {
			return err
		}
		if page, err = k.c.Open(ctx, address); err != nil {
			return err
		}
	}
	if !bytes.Contains(page.Body, fmt.Appendf(nil, "%d of 2", n)) {
		return fmt.Errorf("the agency does not show use %d", n)
	}
	k.grants[k.grant].uses = n
	return nil
}

func unavailable(err error) bool {
	return citizen.Refused(err, http.StatusServiceUnavailable) || citizen.Refused(err, http.StatusBadGateway) ||
		citizen.Refused(err, http.StatusInternalServerError)
}

// atAgency does something at the agency, and logs in there when it forgot us.
func (k *walk) atAgency(ctx context.Context, do func() error) error {
	err := do()
	if citizen.Refused(err, http.StatusNotFound) {
		_, again := k.c.Ask(ctx, k.licence())
		return errors.Join(err, again)
	}
	return err
}

func (k *walk) useAgain(ctx context.Context) error {
	return k.atAgency(ctx, func() error { return k.fetch(ctx, 2) })
}

func (k *walk) findConsumed(ctx context.Context) error  { return k.refused(ctx, "consumed") }
func (k *walk) findWithdrawn(ctx context.Context) error { return k.refused(ctx, "withdrawn") }

// refused wants the agency's next use refused for this reason.
func (k *walk) refused(ctx context.Context, reason string) error {
	address := k.licence() + "/renewal/" + k.grant + "/again"
	page, err := k.c.Do(ctx, http.MethodPost, address, "application/x-www-form-urlencoded", nil)
	switch {
	case err != nil:
		return err
	case page.Status == http.StatusNotFound:
		_, err := k.c.Ask(ctx, k.licence())
		return errors.Join(errors.New("the agency forgot us"), err)
	case page.Status == http.StatusSeeOther:
		k.Fatalf("%s was used although it is %s", k.grant, reason)
	case page.Status != http.StatusConflict || !bytes.Contains(page.Body, []byte(reason)):
		return fmt.Errorf("the use was answered %d, not refused as %s", page.Status, reason)
	}
	return nil
}

func (k *walk) withdraw(ctx context.Context) error {
	if err := k.c.Withdraw(ctx, k.grant); err != nil {
		return err
	}
	k.grants[k.grant].withdrawn = true
	return nil
}

// takeReceipts takes the citizen's copy and the agency's, when they verify.
func (k *walk) takeReceipts(ctx context.Context) error {
	own, err := k.c.Receipt(ctx, k.grant)
	if err != nil {
		return err
	}
	if _, err := k.verified(own); err != nil {
		return err
	}
	var agency []byte
	err = k.atAgency(ctx, func() error {
		page, err := k.c.Open(ctx, k.licence()+"/renewal/"+k.grant+"/receipt")
		agency = page.Body
		return err
	})
	if err == nil {
		_, err = k.verified(agency)
	}
	if err != nil {
		return err
	}
	k.grants[k.grant].receipts = [][]byte{own, agency}
	return nil
}

// audit walks the published log, and remembers its checkpoint for the next time.
func (k *walk) audit(ctx context.Context) error {
	_, err := k.stage.Command(ctx, "idp", "audit", "--log", k.stage.URL(stage.IDP), "--trust", k.stage.Path("trust"))
	return err
}
