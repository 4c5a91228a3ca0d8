//go:build !unix

package sdk

import (
	"io"
	"os"
)

// lockFile opens the file only: this system has no advisory lock that the
// standard library offers. Run one process per journal.
func lockFile(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
