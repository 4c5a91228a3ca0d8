package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
)

const usage = `usage:
  chaincode                    serve; see doc.go for the environment
  chaincode package --label L --address HOST:PORT --client-cert F --client-key F --root-cert F --out F
  chaincode operator --msp MSPID [--log LOG.vkey]... CERT.pem...`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaincode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 0:
		return serve(os.Environ())
	case args[0] == "package":
		return runPackage(args[1:], os.Stdout)
	case args[0] == "operator":
		return runOperator(args[1:], os.Stdout)
	}
	fmt.Fprintln(os.Stderr, usage)
	return fmt.Errorf("%q is no command", args[0])
}

func serve(environment []string) error {
	s, err := readSettings(environment)
	if err != nil {
		return err
	}
	door, err := newDoor(s.organisations, s.votes)
	if err != nil {
		return err
	}
	server := shim.ChaincodeServer{CCID: s.id, Address: s.address, CC: door}
	if server.TLSProps, err = s.tls(); err != nil {
		return err
	}
	return server.Start()
}

type settings struct {
	id, address       string
	key, cert, peerCA string // files
	organisations     []string
	votes             int
}

// readSettings takes Fabric's own names for what Fabric's documents name, ours for
// votes. There is no setting that leaves TLS away.
func readSettings(environment []string) (settings, error) {
	set := map[string]string{}
	for _, line := range environment {
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, "MYDATA_ANCHOR_") && name != "MYDATA_ANCHOR_ORGANISATIONS" && name != "MYDATA_ANCHOR_VOTES" {
			return settings{}, fmt.Errorf("%s is no setting of the chaincode", name)
		}
		set[name] = value
	}
	s := settings{organisations: strings.Split(set["MYDATA_ANCHOR_ORGANISATIONS"], ",")}
	for name, into := range map[string]*string{
		"CHAINCODE_ID": &s.id, "CHAINCODE_SERVER_ADDRESS": &s.address,
		"CHAINCODE_TLS_KEY": &s.key, "CHAINCODE_TLS_CERT": &s.cert, "CHAINCODE_CLIENT_CA_CERT": &s.peerCA,
	} {
		if *into = set[name]; *into == "" {
			return settings{}, fmt.Errorf("%s is not set", name)
		}
	}
	slices.Sort(s.organisations)
	for i, organisation := range s.organisations {
		if !printable(organisation, maxMSP) || strings.Contains(organisation, " ") || i > 0 && s.organisations[i-1] == organisation {
			return settings{}, errors.New("MYDATA_ANCHOR_ORGANISATIONS is not a list of different MSP ids with commas between")
		}
	}
	var err error
	s.votes, err = strconv.Atoi(set["MYDATA_ANCHOR_VOTES"])
	if err != nil || s.votes > len(s.organisations) || 2*s.votes <= len(s.organisations) {
		return settings{}, fmt.Errorf("MYDATA_ANCHOR_VOTES is not a majority of %d organisations", len(s.organisations))
	}
	return s, nil
}

func (s settings) tls() (p shim.TLSProperties, err error) {
	if p.Key, err = os.ReadFile(s.key); err != nil {
		return p, fmt.Errorf("CHAINCODE_TLS_KEY: %w", err)
	}
	if p.Cert, err = os.ReadFile(s.cert); err != nil {
		return p, fmt.Errorf("CHAINCODE_TLS_CERT: %w", err)
	}
	if p.ClientCACerts, err = os.ReadFile(s.peerCA); err != nil {
		return p, fmt.Errorf("CHAINCODE_CLIENT_CA_CERT: %w", err)
	}
	return p, nil
}
