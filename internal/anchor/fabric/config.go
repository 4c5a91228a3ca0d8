package fabric

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/govmydata/mydata/pkg/tlog/endorsement"
)

// Policy says whose word counts. What is zero stays as the folder has it; in a
// new folder it is every organisation of the channel.
type Policy struct {
	Chaincode     string
	Organisations []string
	Quorum        int
}

// Pinning is what Pin did.
type Pinning struct {
	Fingerprint string   // of the whole folder, to be compared by another way
	Sequence    uint64   // of the newest configuration
	SHA256      string   // of the newest configuration
	Added       []string // files that are new
	Manifest    endorsement.Manifest
}

var (
	// ErrOtherHistory says that a peer shows another configuration than was
	// pinned: another channel of that name, or a peer that lies.
	ErrOtherHistory = errors.New("the peer shows another history of the channel's configuration than was pinned")
	// ErrBehind says that a peer has not reached what was pinned.
	ErrBehind = errors.New("the peer has not reached the configuration that was pinned")
)

// Pin asks a peer for the channel's configuration, and for those before it that
// the trust folder lacks, and adds them. It drops none, replaces no pinned one,
// and leaves the folder as it was unless the result loads.
//
// What a peer says is believed here and nowhere else: compare the fingerprint
// with what another organisation gets.
func Pin(ctx context.Context, network *client.Network, dir string, want Policy) (Pinning, error) {
	have, err := pinned(dir)
	if err != nil {
		return Pinning{}, err
	}
	if len(have.Configs) > 0 && have.Channel != network.Name() {
		return Pinning{}, fmt.Errorf("pin configuration: the folder is of channel %q", have.Channel)
	}
	blocks, err := history(ctx, network, have)
	if err != nil {
		return Pinning{}, fmt.Errorf("pin configuration: %w", err)
	}
	m := mergeManifest(have, network.Name(), want, blocks)
	p, err := writeFolder(dir, m, blocks)
	if err != nil {
		return Pinning{}, fmt.Errorf("pin configuration: %w", err)
	}
	return p, nil
}

// pinned is the folder's manifest; an empty one when there is no folder.
func pinned(dir string) (endorsement.Manifest, error) {
	folder := os.DirFS(dir)
	raw, err := fs.ReadFile(folder, endorsement.ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return endorsement.Manifest{}, nil
	}
	if err != nil {
		return endorsement.Manifest{}, fmt.Errorf("pin configuration: %w", err)
	}
	if _, err := endorsement.LoadTrust(folder); err != nil {
		return endorsement.Manifest{}, err
	}
	return endorsement.ParseManifest(raw)
}

// history are the configurations after the newest pinned one, oldest first. The
// newest pinned one is looked at again: the peer has to show the same.
func history(ctx context.Context, network *client.Network, have endorsement.Manifest) ([]endorsement.ConfigBlock, error) {
	raw, err := evaluate(ctx, network, "cscc", "GetConfigBlock", network.Name())
	var newer []endorsement.ConfigBlock
	for range endorsement.MaxConfigs {
		if err != nil {
			return nil, err
		}
		b, err := endorsement.ParseConfigBlock(raw)
		if err != nil {
			return nil, err
		}
		if b.Channel != network.Name() {
			return nil, fmt.Errorf("%w: it is channel %q's", ErrOtherHistory, b.Channel)
		}
		if n := len(newer); n > 0 && b.Sequence+1 != newer[n-1].Sequence {
			return nil, fmt.Errorf("%w: %d comes after %d", ErrOtherHistory, newer[n-1].Sequence, b.Sequence)
		}
		if known, err := compare(b, have, len(newer) > 0); known || err != nil {
			slices.Reverse(newer)
			return newer, err
		}
		newer = append(newer, b)
		if b.Sequence == 0 {
			if len(have.Configs) > 0 {
				return nil, ErrOtherHistory
			}
			slices.Reverse(newer)
			return newer, nil
		}
		raw, err = before(ctx, network, b)
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d configurations", endorsement.MaxConfigs)
}

// compare tells whether a block's configuration is the newest pinned one.
func compare(b endorsement.ConfigBlock, have endorsement.Manifest, walking bool) (bool, error) {
	if len(have.Configs) == 0 {
		return false, nil
	}
	last := have.Configs[len(have.Configs)-1]
	switch {
	case last.File == endorsement.ConfigFile(b.Sequence) && last.SHA256 == digestOf(b.Config):
		return true, nil
	case last.File == endorsement.ConfigFile(b.Sequence):
		return false, fmt.Errorf("%w: %s differs", ErrOtherHistory, last.File)
	case !walking && slices.ContainsFunc(have.Configs, func(p endorsement.Pinned) bool { return p.File == endorsement.ConfigFile(b.Sequence) }):
		return false, fmt.Errorf("%w: it is at %d, the folder at %s", ErrBehind, b.Sequence, last.File)
	}
	return false, nil
}

// before is the block of the configuration that was in force until this one.
func before(ctx context.Context, network *client.Network, b endorsement.ConfigBlock) ([]byte, error) {
	if b.Number == 0 {
		return nil, fmt.Errorf("%w: the first block holds sequence %d", ErrOtherHistory, b.Sequence)
	}
	raw, err := block(ctx, network, b.Number-1)
	if err != nil {
		return nil, err
	}
	last, err := endorsement.LastConfig(raw)
	if err != nil || last == b.Number-1 {
		return raw, err
	}
	return block(ctx, network, last)
}

func block(ctx context.Context, network *client.Network, number uint64) ([]byte, error) {
	return evaluate(ctx, network, "qscc", "GetBlockByNumber", network.Name(), strconv.FormatUint(number, 10))
}

func evaluate(ctx context.Context, network *client.Network, chaincode, function string, args ...string) ([]byte, error) {
	raw, err := network.GetContract(chaincode).EvaluateWithContext(ctx, function, client.WithArguments(args...))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", chaincode, function, err)
	}
	return raw, nil
}

// mergeManifest is the manifest with the new configurations and the policy that is
// wanted. A clock that went back moves no configuration before an older one.
func mergeManifest(have endorsement.Manifest, channel string, want Policy, blocks []endorsement.ConfigBlock) endorsement.Manifest {
	m := have
	m.Channel, m.Configs = channel, slices.Clone(have.Configs)
	var from string
	if n := len(m.Configs); n > 0 {
		from = m.Configs[n-1].From
	}
	for _, b := range blocks {
		from = max(from, b.At.Truncate(time.Second).Format(time.RFC3339)) // UTC: ordered as text
		m.Configs = append(m.Configs, endorsement.Pinned{File: endorsement.ConfigFile(b.Sequence), From: from, SHA256: digestOf(b.Config)})
	}
	if want.Chaincode != "" {
		m.Chaincode = want.Chaincode
	}
	if len(want.Organisations) > 0 {
		m.Organisations = slices.Compact(slices.Sorted(slices.Values(want.Organisations)))
	}
	if len(m.Organisations) == 0 && len(blocks) > 0 {
		m.Organisations = blocks[len(blocks)-1].Members
	}
	if want.Quorum > 0 {
		m.Quorum = want.Quorum
	}
	if m.Quorum == 0 {
		m.Quorum = len(m.Organisations)
	}
	return m
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// writeFolder puts configurations first and the manifest last, so that a folder that
// was left in between is the one before.
func writeFolder(dir string, m endorsement.Manifest, blocks []endorsement.ConfigBlock) (Pinning, error) {
	raw, sealed, err := m.Seal()
	if err != nil {
		return Pinning{}, err
	}
	last := sealed.Configs[len(sealed.Configs)-1]
	p := Pinning{Fingerprint: sealed.Fingerprint, SHA256: last.SHA256, Manifest: sealed}
	if _, err := fmt.Sscanf(last.File, "config-%d.pb", &p.Sequence); err != nil {
		return Pinning{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: a trust folder is public
		return Pinning{}, err
	}
	for _, b := range blocks {
		name := endorsement.ConfigFile(b.Sequence)
		if err := replaceFile(filepath.Join(dir, name), b.Config); err != nil {
			return Pinning{}, err
		}
		p.Added = append(p.Added, name)
	}
	if _, err := endorsement.LoadTrust(with{os.DirFS(dir), raw}); err != nil {
		return Pinning{}, err
	}
	return p, replaceFile(filepath.Join(dir, endorsement.ManifestFile), raw)
}

// with is a folder with another manifest.
type with struct {
	fs.FS
	manifest []byte
}

func (w with) ReadFile(name string) ([]byte, error) {
	if name == endorsement.ManifestFile {
		return w.manifest, nil
	}
	return fs.ReadFile(w.FS, name)
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, raw []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone after the rename
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
