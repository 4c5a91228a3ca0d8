package credential_test

import (
	"testing"

	"github.com/govmydata/mydata/pkg/credential"
)

func TestDevice(t *testing.T) {
	both := map[string]string{"": "Demo wallet", "ko": "데모 지갑"}
	for _, c := range []struct {
		name, device, lang, want string
	}{
		{"it has the reader's language", credential.DeviceOf(both), "ko", "데모 지갑"},
		{"it has the name for all others", credential.DeviceOf(both), "en", "Demo wallet"},
		{"it keeps a name alone as it is", credential.DeviceOf(map[string]string{"": "Wallet"}), "ko", "Wallet"},
		{"it has what was kept before there were languages", "Demo wallet", "ko", "Demo wallet"},
		{"it has nothing of nothing", credential.DeviceOf(nil), "ko", ""},
		{"it takes any language before none", credential.DeviceOf(map[string]string{"en": "A", "fr": "B"}), "ko", "A"},
		{"it shows a name that only looks like names", `{"fr":"x"}`, "ko", `{"fr":"x"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := credential.DeviceIn(c.device, c.lang); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
	if credential.DeviceOf(both) != credential.DeviceOf(map[string]string{"ko": "데모 지갑", "": "Demo wallet"}) {
		t.Error("equal names are two devices")
	}
}
