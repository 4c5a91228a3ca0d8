package stage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Names of the processes, in the order in which they start.
const (
	IDP      = "idp"
	Verifier = "verifier"
	Insurer  = "insurer"
	Licence  = "licence"
	Wallet   = "wallet"
)

// Witness names the witness n, from 1.
func Witness(n int) string { return fmt.Sprintf("witness-%d", n) }

var order = []string{Witness(1), Witness(2), Witness(3), IDP, Verifier, Insurer, Licence, Wallet}

// Names of all processes, in the order in which they start.
func Names() []string { return append([]string(nil), order...) }

// offsets from the base port, as examples/story counts them.
var offsets = map[string]int{
	IDP: 0, Verifier: 1, Insurer: 2, Licence: 3, Wallet: 4, Witness(1): 11, Witness(2): 12, Witness(3): 13,
}

// freeBase finds a base port whose neighbours are free too, and those where
// proxies are to listen.
func freeBase(behind int) (int, error) {
	for range 200 {
		base := 20000 + rand.IntN(10000)
		if Free(base, behind) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

// Free tells whether nobody listens on any port of a deployment.
func Free(base, behind int) bool {
	for _, offset := range offsets {
		if !free(base+offset) || behind != 0 && !free(base+offset+behind) {
			return false
		}
	}
	return true
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
