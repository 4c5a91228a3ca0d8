package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// connection is the file of idp anchor serve, and the orderers.
type connection struct {
	Channel       string `json:"channel"`
	Chaincode     string `json:"chaincode"`
	MSP           string `json:"msp"`
	Peer          string `json:"peer"`
	TLSCA         string `json:"tls_ca"`
	Cert          string `json:"cert"`
	Key           string `json:"key"`
	Organisations []struct {
		MSP   string `json:"msp"`
		Peer  string `json:"peer"`
		TLSCA string `json:"tls_ca"`
	} `json:"organisations"`
	Orderers []struct {
		Address string `json:"address"`
		TLSCA   string `json:"tls_ca"`
	} `json:"orderers"`
}

func readConnection(file string) (connection, error) {
	var c connection
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	if c.Channel == "" || c.Chaincode == "" || c.MSP == "" || len(c.Organisations) == 0 || len(c.Orderers) == 0 {
		return c, errors.New("the connection names no channel, chaincode, msp, organisations or orderers")
	}
	return c, nil
}

func (c connection) peers() []string {
	var all []string
	for _, o := range c.Organisations {
		all = append(all, o.Peer)
	}
	return all
}

type m = map[string]any

// profile is the library's own configuration; its stores are kept in a folder.
func (c connection) profile(folder string) ([]byte, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	reached := func(address, ca string) m {
		return m{
			"url": address, "tlsCACerts": m{"path": ca},
			"grpcOptions": m{"ssl-target-name-override": "", "fail-fast": false, "allow-insecure": false},
		}
	}
	peers, orderers, organisations, channelPeers := m{}, m{}, m{}, m{}
	var order []string
	for _, o := range c.Organisations {
		peers[o.Peer] = reached(o.Peer, o.TLSCA)
		channelPeers[o.Peer] = m{"endorsingPeer": true, "chaincodeQuery": true, "ledgerQuery": true, "eventSource": true}
		organisations[o.MSP] = m{"mspid": o.MSP, "cryptoPath": folder, "peers": []string{o.Peer}}
	}
	for _, o := range c.Orderers {
		orderers[o.Address] = reached(o.Address, o.TLSCA)
		order = append(order, o.Address)
	}
	return json.Marshal(m{
		"version": "1.0.0",
		"client": m{
			"organization": c.MSP, "logging": m{"level": "error"}, "cryptoconfig": m{"path": folder},
			"credentialStore": m{"path": filepath.Join(folder, "state"), "cryptoStore": m{"path": filepath.Join(folder, "msp")}},
			"BCCSP": m{"security": m{
				"enabled": true, "default": m{"provider": "SW"}, "hashAlgorithm": "SHA2", "softVerify": true, "level": 256,
			}},
			"tlsCerts": m{"systemCertPool": false},
		},
		"channels":      m{c.Channel: m{"orderers": order, "peers": channelPeers}},
		"organizations": organisations, "orderers": orderers, "peers": peers,
	})
}
