package sdk

import (
	"fmt"
	"os"

	"github.com/govmydata/mydata/pkg/consent"
)

// Trust is what everything is checked against: the hub's and the officers'
// keys, the government CA, the issuers' CA, the log with its witnesses. Get
// the folder from the hub's operator (`idp trust export`) and its fingerprint
// by another way; keep it in your own configuration. When the hub's keys change,
// `idp trust rekey` takes the next ones into it, and a start reads them.
type Trust = consent.Trust

// LoadTrust reads a trust folder. An error names the folder.
func LoadTrust(dir string) (Trust, error) {
	t, err := consent.LoadTrust(os.DirFS(dir))
	if err != nil {
		return t, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}
