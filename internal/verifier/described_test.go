package verifier_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/govmydata/mydata/internal/verifier"
	"github.com/govmydata/mydata/pkg/credential"
	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

// published is a type of the house's issuer, at an address.
type published struct {
	vct, body, integrity string
	asked                atomic.Int32
}

// publish describes a type, lets the issuer speak of it, and the phone fetch a card.
func (h *house) publish(t *testing.T, p *published) {
	t.Helper()
	h.issuer.Intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/types/1" {
			return false
		}
		p.asked.Add(1)
		_, _ = w.Write([]byte(p.body))
		return true
	}
	h.issuer.Metadata = func(m *openid4vci.Metadata) {
		c := m.CredentialConfigurationsSupported[credential.ConfigResidentCard]
		c.VCT = p.vct
		m.CredentialConfigurationsSupported[credential.ConfigResidentCard] = c
	}
	h.issuer.Credential = func(c map[string]any) {
		c["vct"] = p.vct
		if p.integrity != "" {
			c["vct#integrity"] = p.integrity
		}
	}
	offer, err := h.phone.ReadOffer(t.Context(), h.issuer.Offer(t, true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.phone.Accept(t.Context(), offer, ""); err != nil {
		t.Fatal(err)
	}
}

const describedType = `{"vct":%q,"display":[{"locale":"en","name":"Library <card>"},{"locale":"ko","name":"도서관 카드"}],"claims":[
	{"path":["name"],"display":[{"locale":"en","label":"Reader"},{"locale":"ko","label":"이용자"}]},
	{"path":["address","locality"],"display":[{"locale":"en","label":"Town"},{"locale":"ko","label":"도시"}]}]}`

//clause:trust SD-JWT VC, Type Metadata at a verifier: its page calls type and claims as their issuer does, in Korean and English, else by names of its own; nothing is asked of an issuer that is not believed
func TestTypeMetadataNamesThePage(t *testing.T) {
	for _, c := range []struct {
		name      string
		bend      func(*published)
		believed  bool
		state     string
		en, ko    []string
		asked     int32
		withoutIt bool
	}{
		{"it shows the issuer's names", func(*published) {}, true, "state-verified",
			[]string{">Library &lt;card&gt;<", ">Reader<", ">Town<"}, []string{">도서관 카드<", ">이용자<", ">도시<"}, 1, false},
		{"it shows its own where the digest names another document", func(p *published) { p.integrity = "sha256-AAAA" }, true, "state-verified",
			[]string{">Name<", ">Address · locality<"}, []string{">이름<", ">주소 · locality<"}, 1, false},
		{"it shows its own where nothing is published", func(p *published) { p.body = "" }, true, "state-verified",
			[]string{"/types/1</bdi></p>", ">Name<", ">Address · locality<"}, []string{">이름<"}, 1, false},
		{"it refuses a type that extends itself", func(p *published) { p.body, p.integrity = fmt.Sprintf(`{"vct":%q,"extends":%q}`, p.vct, p.vct), "" }, true, "state-rejected",
			[]string{`data-check="type metadata" data-ok="false"`}, []string{"증명서 종류의 설명"}, 1, false},
		{"it asks nothing of an issuer that it does not believe", func(*published) {}, false, "state-rejected",
			[]string{`data-check="issuer trusted" data-ok="false"`}, []string{`data-ok="false"`}, 0, false},
		{"it asks nothing when no page is shown", func(*published) {}, true, "", nil, nil, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var policy *credential.Policy
			h := newHouse(t, func(config *verifier.Config) {
				config.Described = &credential.TypeMetadata{Development: true}
				policy = &config.Verifier.(*credential.Verifier).Policy
			})
			p := &published{vct: h.issuer.URL + "/types/1"}
			if c.believed {
				policy.Roots = map[string]*x509.CertPool{p.vct: h.issuer.Authority.Pool()}
			}
			p.body = fmt.Sprintf(describedType, p.vct)
			sum := sha256.Sum256([]byte(p.body))
			p.integrity = "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
			c.bend(p)
			h.publish(t, p)
			order := fmt.Sprintf(`{"page":%t,"query":{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":[%q]},"claims":[{"path":["name"]},{"path":["address","locality"]}]}]}}`, !c.withoutIt, p.vct)
			placed, status := h.place(t, order)
			if status != 200 {
				t.Fatal(status)
			}
			if c.withoutIt {
				if _, err := h.present(t, placed.Request); err != nil || p.asked.Load() != 0 || h.result(t, placed.ID).Status != verifier.Verified {
					t.Errorf("%v, asked %d times", err, p.asked.Load())
				}
				return
			}
			b := browser(t)
			resp, err := b.PostForm(placed.Page, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			address := resp.Request.URL.String()
			_, page := get(t, b, address)
			_, _ = h.present(t, find(t, page, `<code id="request">([^<]+)<`))
			for lang, wants := range map[string][]string{"en": c.en, "ko": c.ko} {
				_, shown := get(t, b, address+"?lang="+lang)
				for _, want := range append(wants, c.state) {
					if !strings.Contains(shown, want) {
						t.Errorf("%s: %s is not shown\n%s", lang, want, shown)
					}
				}
			}
			if n := p.asked.Load(); n != c.asked {
				t.Errorf("asked %d times", n)
			}
		})
	}
}
