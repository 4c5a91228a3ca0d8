package stage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Names of the processes, in the order in which they start.
const (
	IDP      = "idp"
	Verifier = "verifier"
	Insurer  = "insurer"
	Licence  = "licence"
	Wallet   = "wallet"
)

// The second pair of agencies. A stage does not start them: Start does, for those
// who want them.
const (
	Extract = "extract"
	Portal  = "portal"
)

// Witness names the witness n, from 1.
func Witness(n int) string { return fmt.Sprintf("witness-%d", n) }

var order = []string{Witness(1), Witness(2), Witness(3), IDP, Verifier, Insurer, Licence, Wallet}

// Names of all processes, in the order in which they start.
func Names() []string { return append([]string(nil), order...) }

// offsets from the base port, as examples/story counts them.
var offsets = map[string]int{
	IDP: 0, Verifier: 1, Insurer: 2, Licence: 3, Wallet: 4, Extract: 5, Portal: 6, Witness(1): 11, Witness(2): 12, Witness(3): 13,
}

// The ports of one deployment, its proxies' included, lie in a block of their own.
const (
	firstBlock = 20000 // trial networks of Fabric keep below it
	blocks     = 250
	blockSize  = 40
)

// held are the locks of this process's blocks, which end with it. The files stay:
// one that is removed would lock nobody out.
var held sync.Map

// spare are the ports that Port has taken and not given out yet.
var spare struct {
	sync.Mutex
	next, end int
}

// Port is a port at which nobody listens, for a process that a test starts. It is
// below those that the system gives out by itself, so that no listener of another
// test comes upon it in between.
func Port() (int, error) {
	spare.Lock()
	defer spare.Unlock()
	for {
		if spare.next == spare.end {
			base, err := freeBase(0)
			if err != nil {
				return 0, err
			}
			spare.next, spare.end = base, base+blockSize
		}
		spare.next++
		if free(spare.next - 1) {
			return spare.next - 1, nil
		}
	}
}

// Address is a Port of this computer.
func Address() (string, error) {
	port, err := Port()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// freeBase takes a block in which nobody listens. It stays this process's: between
// the look and the listening, which another process does, nobody else may choose it.
func freeBase(behind int) (int, error) {
	if most := slices.Max(slices.Collect(maps.Values(offsets))); most+behind >= blockSize {
		return 0, fmt.Errorf("a proxy %d above its service is in another deployment's ports", behind)
	}
	for range 4 * blocks {
		base := firstBlock + rand.IntN(blocks)*blockSize
		file, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("mydata-ports-%d-%d", os.Getuid(), base)), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return 0, err
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && Free(base, behind) {
			held.Store(base, file)
			return base, nil
		}
		file.Close()
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

// Listen listens at a port of a deployment. Who looks for free ports listens at each
// for a moment, and a process that was killed is not gone at once: both are waited for.
func Listen(port int) (net.Listener, error) {
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return l, err
		}
	}
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}
