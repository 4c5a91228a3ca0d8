package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// The peer calls an external builder as bin/detect, bin/build and bin/release.
var builderRoles = []string{"detect", "build", "release"}

// packageType is that of Fabric's own builder for chaincode as a service, whose place
// we take, so that the packages are those of any network.
const packageType = "ccaas"

type metadata struct {
	Type string `json:"type"`
}

// builder brings the connection that lies in the package to where the peer reads it.
func builder(role string, args []string) error {
	switch {
	case role == "detect" && len(args) == 2:
		_, err := readMetadata(args[1])
		return err
	case role == "build" && len(args) == 3:
		return copyFile(filepath.Join(args[0], "connection.json"), filepath.Join(args[2], "connection.json"), 0o600)
	case role == "release" && len(args) == 2:
		into := filepath.Join(args[1], "chaincode", "server")
		if err := os.MkdirAll(into, 0o700); err != nil {
			return err
		}
		return copyFile(filepath.Join(args[0], "connection.json"), filepath.Join(into, "connection.json"), 0o600)
	}
	return errors.New("the peer calls another form of external builders")
}

func readMetadata(dir string) (metadata, error) {
	var m metadata
	raw, err := os.ReadFile(filepath.Join(dir, "metadata.json"))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, err
	}
	if m.Type != packageType {
		return m, fmt.Errorf("packages of type %q are others' to build", m.Type)
	}
	return m, nil
}

func copyFile(from, to string, mode os.FileMode) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, mode)
}

// installBuilder lays the program where the peers look for it, by a name per role.
func (n *network) installBuilder() error {
	bin := n.path("builder", "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	self := n.path("builder", "network")
	if os.Link(program, self) != nil { // another file system
		if err := copyFile(program, self, 0o700); err != nil {
			return err
		}
	}
	for _, role := range builderRoles {
		if err := os.Symlink(self, filepath.Join(bin, role)); err != nil {
			return err
		}
	}
	return nil
}
