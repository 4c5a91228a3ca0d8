package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"errors"
	"io/fs"
	"path/filepath"
)

const vapidKey = "keys/vapid.pem"

// Push is the key by which push services know the hub (VAPID, RFC 8292); nil
// where none was made yet: then nobody is offered push messages.
func (r *Ring) Push() (*ecdh.PrivateKey, error) {
	signer, err := readKey(filepath.Join(r.dir, vapidKey))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return signer.(*ecdsa.PrivateKey).ECDH()
}
