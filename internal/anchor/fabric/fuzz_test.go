package fabric_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/anchor/fabric"
)

func connectionsRefused(good string) map[string]string {
	before, _, _ := strings.Cut(good, `[{`)
	return map[string]string{
		"nothing":                   "",
		"a misspelt member":         strings.Replace(good, `"channel"`, `"chanel"`, 1),
		"no key":                    strings.Replace(good, `"k"`, `""`, 1),
		"a peer without a port":     strings.Replace(good, "localhost:1", "localhost", 1),
		"no organisations":          before + "[]}",
		"an organisation twice":     strings.Replace(good, `"tls_ca":"ca"}]`, `"tls_ca":"ca"},{"msp":"Org1MSP","peer":"localhost:2","tls_ca":"ca"}]`, 1),
		"an organisation in clear":  strings.Replace(good, `"tls_ca":"ca"}]`, `"tls_ca":""}]`, 1),
		"something that follows":    good + "{}",
		"something much too long":   good + strings.Repeat(" ", 1<<17),
		"an organisation unnamed":   strings.Replace(good, `[{"msp":"Org1MSP"`, `[{"msp":""`, 1),
		"a list where text belongs": strings.Replace(good, `"anchors"`, `[]`, 1),
	}
}

func FuzzParseConnection(f *testing.F) {
	f.Add([]byte(`{"channel":"a","chaincode":"b","msp":"m","peer":"h:1","tls_ca":"x","cert":"c","key":"k","organisations":[{"msp":"m","peer":"h:1","tls_ca":"x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := fabric.ParseConnection(text)
		if err == nil && (c.TLSCA == "" || len(c.Organisations) == 0) {
			t.Errorf("%q: %+v", text, c)
		}
	})
}
