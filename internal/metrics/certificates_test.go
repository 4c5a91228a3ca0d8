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
	m.Certificates(func() []Certificate { return all })
	text := scrape(t, m)
	expect(t, text, `mydata_agency_certificate_days{agency="urn:0"} -1`, `mydata_agency_certificate_days{agency="urn:199"} 198`)
	if strings.Contains(text, `"urn:200"`) {
		t.Error("the label has no bound")
	}
	(*Metrics)(nil).Certificates(nil)
}
