package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/govmydata/mydata/internal/durable"
	"github.com/govmydata/mydata/pkg/tlog"
)

// maxBody bounds the body of add-checkpoint.
const maxBody = 64 << 10

// Witness cosigns the checkpoints of one log.
type Witness struct {
	logs   []tlog.Log // keys of one origin
	policy tlog.Policy
	signer tlog.Signer
	file   string
	logger *slog.Logger

	keep func(name string, data []byte) error // durable.Replace, save in tests

	mu   sync.Mutex
	last tlog.Checkpoint // Note empty: nothing cosigned yet
	kept bool            // last is known to be durable; what was read back may be lost with the power
}

// New makes a witness of a log; it takes up where the state file ends.
func New(log tlog.Key, signer tlog.Signer, stateFile string, logger *slog.Logger) (*Witness, error) {
	return newWitness([]tlog.Log{{Key: log}}, signer, stateFile, logger)
}

// newWitness takes the keys that are trusted for one origin. A retired one counts
// no more by our clock, save for what we cosigned ourselves.
func newWitness(logs []tlog.Log, signer tlog.Signer, stateFile string, logger *slog.Logger) (*Witness, error) {
	var text string
	for _, log := range logs {
		text += "log " + log.Key.String() + "\n"
	}
	policy, err := tlog.ParsePolicy([]byte(text + "quorum none\n"))
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	policy.Logs = logs
	w := &Witness{logs: logs, policy: policy, signer: signer, file: stateFile, logger: logger, keep: durable.Replace}
	w.last.Root = tlog.EmptyRoot
	state, err := os.ReadFile(stateFile)
	if errors.Is(err, os.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("witness state: %w", err)
	}
	if w.last, err = policy.Ever().Open(state); err != nil {
		return nil, fmt.Errorf("witness state %s: %w", stateFile, err)
	}
	return w, nil
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// ServeHTTP answers POST /add-checkpoint and GET /healthz.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	serve(rw, r, w.Cosign, w.logger)
}

type cosign func(ctx context.Context, body []byte) ([]byte, error)

func serve(rw http.ResponseWriter, r *http.Request, by cosign, logger *slog.Logger) {
	switch {
	case r.URL.Path == "/healthz":
		io.WriteString(rw, "ok\n")
	case r.URL.Path != "/add-checkpoint":
		http.NotFound(rw, r)
	case r.Method != http.MethodPost:
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "use POST", http.StatusMethodNotAllowed)
	default:
		addCheckpoint(rw, r, by, logger)
	}
}

func addCheckpoint(rw http.ResponseWriter, r *http.Request, by cosign, logger *slog.Logger) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	if err != nil {
		http.Error(rw, "the body is too long or was cut", http.StatusBadRequest)
		return
	}
	lines, err := by(r.Context(), body)
	refused, ok := errors.AsType[*refusal](err)
	switch {
	case ok:
		if refused.status == http.StatusConflict {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
		} else {
			rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		}
		rw.WriteHeader(refused.status)
		io.WriteString(rw, refused.text+"\n")
	case err != nil:
		logger.ErrorContext(r.Context(), "cosign", "error", err)
		http.Error(rw, "internal error", http.StatusInternalServerError)
	default:
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		rw.Write(lines)
	}
}

// Cosign checks the body of an add-checkpoint, in the order of the text, and
// gives the signature line once the checkpoint is durable.
func (w *Witness) Cosign(ctx context.Context, body []byte) ([]byte, error) {
	request, err := tlog.ParseAddCheckpoint(body)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	if claimed, err := tlog.Peek(request.Checkpoint); err != nil || claimed.Origin != w.logs[0].Key.Name {
		return nil, &refusal{http.StatusNotFound, "this witness does not follow this log"}
	}
	c, err := w.policy.Open(request.Checkpoint)
	if errors.Is(err, tlog.ErrCheckpoint) && !bytes.HasSuffix(request.Checkpoint, []byte("\n\n")) { // with no signature at all: 403
		return nil, &refusal{http.StatusBadRequest, err.Error()}
	}
	if err != nil {
		return nil, &refusal{http.StatusForbidden, err.Error()}
	}
	if request.Old > c.Size {
		return nil, &refusal{http.StatusBadRequest, "the old size is greater than the new one"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.follows(ctx, request, c); err != nil {
		return nil, err
	}
	if !w.kept || c.Size != w.last.Size {
		w.kept = false
		if err := w.keep(w.file, c.Note); err != nil {
			// Written or not: before anything else, read what is there.
			return nil, errors.Join(fmt.Errorf("keep checkpoint: %w", err), w.reload())
		}
		w.last, w.kept = c, true
	}
	return tlog.Cosign(w.signer, c.Note)
}

// follows checks that the checkpoint continues the last one cosigned.
func (w *Witness) follows(ctx context.Context, request tlog.AddCheckpoint, c tlog.Checkpoint) error {
	conflict := &refusal{http.StatusConflict, fmt.Sprint(w.last.Size)}
	if request.Old != w.last.Size {
		return conflict
	}
	if request.Old == c.Size && c.Root != w.last.Root {
		w.logger.ErrorContext(ctx, "the log signed two roots for one size",
			"origin", c.Origin, "size", c.Size, "first", string(w.last.Note), "second", string(c.Note))
		return conflict
	}
	if err := tlog.CheckConsistency(request.Proof, w.last.Size, w.last.Root, c.Size, c.Root); err != nil {
		w.logger.ErrorContext(ctx, "checkpoint without proof that the log only grew",
			"origin", c.Origin, "from", w.last.Size, "to", c.Size, "first", string(w.last.Note), "second", string(c.Note))
		return &refusal{http.StatusUnprocessableEntity, err.Error()}
	}
	return nil
}

// reload makes the memory agree with the file after a write of unknown
// outcome. When even that fails nothing is cosigned any more: no size fits.
func (w *Witness) reload() error {
	again, err := newWitness(w.logs, w.signer, w.file, w.logger)
	if err != nil {
		w.last = tlog.Checkpoint{Size: -1}
		return err
	}
	w.last = again.last
	return nil
}
