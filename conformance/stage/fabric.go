package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Fabric is a real network of two organisations, by the program of
// fabric/network. Its processes are that program's, which ends them by their
// ids and deletes the folder; so Close it also when a test fails.
type Fabric struct {
	Dir           string `json:"dir"`
	Channel       string `json:"channel"`
	Chaincode     string `json:"chaincode"`
	Organisations []struct {
		MSP   string   `json:"msp"`
		Peer  string   `json:"peer"`
		TLSCA string   `json:"tls_ca"`
		Admin Identity `json:"admin"`
		User  Identity `json:"user"`
	} `json:"organisations"`
	Orderers []struct {
		Address string `json:"address"`
		TLSCA   string `json:"tls_ca"`
	} `json:"orderers"`
	program string
}

// Identity of somebody in a Fabric network: files of a certificate and its key.
type Identity struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

var network struct {
	once    sync.Once
	file    string
	problem error
}

// networkProgram builds the program once per test binary.
func networkProgram(ctx context.Context) (string, error) {
	network.once.Do(func() {
		root, err := Root()
		if err != nil {
			network.problem = err
			return
		}
		folder, err := os.MkdirTemp("", "mydata-network-")
		if err != nil {
			network.problem = err
			return
		}
		network.file = filepath.Join(folder, "network")
		cmd := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(root, "fabric", "network"), "-o", network.file, ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			network.problem = fmt.Errorf("build the network program: %w\n%s", err, out)
		}
	})
	return network.file, network.problem
}

// RemoveNetworkProgram is for TestMain.
func RemoveNetworkProgram() {
	if network.file != "" {
		_ = os.RemoveAll(filepath.Dir(network.file)) // a folder of the system's temporary ones
	}
}

// StartFabric starts a network in a folder that is absent or empty, where the
// first organisation's user may anchor the origin. More flags of network up may
// follow.
func StartFabric(ctx context.Context, dir, origin string, flags ...string) (*Fabric, error) {
	program, err := networkProgram(ctx)
	if err != nil {
		return nil, err
	}
	f := &Fabric{Dir: dir, program: program}
	line, err := f.Do(ctx, "up", append([]string{"--origin", origin}, flags...)...)
	if err == nil {
		err = json.Unmarshal(line, f)
	}
	if err != nil {
		_ = f.Close() // what came up so far
		return nil, err
	}
	return f, nil
}

// Do runs one of the program's commands on this network.
func (f *Fabric) Do(ctx context.Context, command string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, f.program, append([]string{command, "--dir", f.Dir}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var said []byte
		if ended, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as Output gives it
			said = ended.Stderr
		}
		return out, fmt.Errorf("network %s: %w\n%s", command, err, said)
	}
	return out, nil
}

// Kill is kill -9 of a process by its name, as of peer1 or orderer1.
func (f *Fabric) Kill(name string) error {
	_, err := f.Do(context.Background(), "kill", name)
	return err
}

// Start starts a killed process again.
func (f *Fabric) Start(ctx context.Context, name string) error {
	_, err := f.Do(ctx, "start", name)
	return err
}

// Close ends the network and deletes its folder.
func (f *Fabric) Close() error {
	_, err := f.Do(context.Background(), "down")
	return err
}

// Connection writes an anchorer's connection file for an identity of the first
// organisation, or of another, and answers its path.
func (f *Fabric) Connection(file string, organisation int, who Identity) error {
	type reached struct {
		MSP   string `json:"msp"`
		Peer  string `json:"peer"`
		TLSCA string `json:"tls_ca"`
	}
	var all []reached
	for _, o := range f.Organisations {
		all = append(all, reached{o.MSP, o.Peer, o.TLSCA})
	}
	home := f.Organisations[organisation]
	text, err := json.Marshal(map[string]any{
		"channel": f.Channel, "chaincode": f.Chaincode, "msp": home.MSP, "peer": home.Peer, "tls_ca": home.TLSCA,
		"cert": who.Cert, "key": who.Key, "organisations": all,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}
