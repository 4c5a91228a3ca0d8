package metrics

import (
	"fmt"
	"strings"
	"testing"
)

func TestCertificates(t *testing.T) {
	m := New()
	var all []Certificate
	for i := range 300 {
		all = append(all, Certificate{Agency: fmt.Sprint("urn:", i), Days: i - 1})
	}
	m.Certificates(func() []Certificate { return all }, func() map[string]int { return map[string]int{"issuer": 61, "ca": -2} })
	text := scrape(t, m)
	expect(t, text, `mydata_agency_certificate_days{agency="urn:0"} -1`, `mydata_agency_certificate_days{agency="urn:199"} 198`,
		`mydata_hub_certificate_days{use="issuer"} 61`, `mydata_hub_certificate_days{use="ca"} -2`)
	if strings.Contains(text, `"urn:200"`) {
		t.Error("the label has no bound")
	}
	(*Metrics)(nil).Certificates(nil, nil)
}
