package sequencer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/govmydata/mydata/pkg/tlog"
)

// witness is a client of one witness (C2SP tlog-witness).
type witness struct {
	tlog.Witness
	client *http.Client

	busy sync.Mutex
	size int64 // that it last cosigned, as far as we know
}

// newWitness asks where the policy says and nowhere else: no answer sends us on.
func newWitness(w tlog.Witness, client http.Client) *witness {
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &witness{Witness: w, client: &client}
}

var errBusy = errors.New("the witness is still busy with an earlier checkpoint")

// conflict is a 409: the witness's own size.
type conflict struct{ size int64 }

func (c conflict) Error() string { return fmt.Sprintf("the witness is at size %d", c.size) }

// grown is a tree with the proofs that it only grew: witnesses of one size need
// the same, which is made once.
type grown struct {
	Tree
	tiles tlog.Tiles

	mu    sync.Mutex
	known map[int64][]tlog.Hash
}

func (g *grown) since(ctx context.Context, old int64) ([]tlog.Hash, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if proof, ok := g.known[old]; ok {
		return proof, nil
	}
	proof, err := tlog.ProveConsistency(ctx, g.tiles, g.Size, g.Root, old)
	if err != nil {
		return nil, err
	}
	if g.known == nil {
		g.known = map[int64][]tlog.Hash{}
	}
	g.known[old] = proof
	return proof, nil
}

// cosign asks for a cosignature, and asks once more when the witness is at
// another size than we thought. ErrRolledBack: it knows a newer tree, or
// another one.
func (w *witness) cosign(ctx context.Context, tree *grown) ([]byte, error) {
	if !w.busy.TryLock() {
		return nil, errBusy
	}
	defer w.busy.Unlock()
	old := min(w.size, tree.Size)
	lines, err := w.ask(ctx, tree, old)
	if at, ok := errors.AsType[conflict](err); ok && at.size != old && at.size <= tree.Size {
		old = at.size
		lines, err = w.ask(ctx, tree, old)
	}
	if at, ok := errors.AsType[conflict](err); ok && (at.size > tree.Size || at.size == old) {
		return nil, fmt.Errorf("%w: %w, the storage at %d", ErrRolledBack, err, tree.Size)
	}
	if err == nil {
		w.size = tree.Size
	}
	return lines, err
}

func (w *witness) ask(ctx context.Context, tree *grown, old int64) ([]byte, error) {
	proof, err := tree.since(ctx, old)
	if err != nil {
		return nil, err
	}
	body := tlog.AddCheckpoint{Old: old, Proof: proof, Checkpoint: tree.Signed}.Marshal()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.URL, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<10))
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return text, nil
	case http.StatusUnprocessableEntity:
		// The proof is right for our tree: theirs has another beginning.
		return nil, fmt.Errorf("%w: it refused the consistency proof from %d", ErrRolledBack, old)
	case http.StatusConflict:
		size, err := strconv.ParseInt(strings.TrimSuffix(string(text), "\n"), 10, 64)
		if err != nil || size < 0 {
			return nil, errors.New("409 without a size")
		}
		return nil, conflict{size}
	}
	return nil, fmt.Errorf("answered %s", response.Status)
}
