package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// A service is a child process, the port it listens on and the variable that
// moves it.
type service struct {
	name     string
	variable string
	offset   int // from the base port
	port     int
	behind   int // how far above its own port others reach it
}

func (s service) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// url uses a name, since a passkey belongs to a domain name, never to an address.
func (s service) url() string { return "http://localhost:" + strconv.Itoa(s.port+s.behind) }

type services struct {
	idp, verifier, insurer, licence, wallet, extract, portal service

	witnesses [3]service
}

func newServices(base, behind int) (*services, error) {
	s := &services{
		idp:      service{name: "idp", variable: "MYDATA_IDP_PORT"},
		verifier: service{name: "verifier", variable: "MYDATA_VERIFIER_PORT", offset: 1},
		insurer:  service{name: "insurer", variable: "MYDATA_INSURER_PORT", offset: 2},
		licence:  service{name: "licence", variable: "MYDATA_LICENCE_PORT", offset: 3},
		wallet:   service{name: "wallet", variable: "MYDATA_WALLET_PORT", offset: 4},
		extract:  service{name: "extract", variable: "MYDATA_EXTRACT_PORT", offset: 5},
		portal:   service{name: "portal", variable: "MYDATA_PORTAL_PORT", offset: 6},
	}
	first := base + 11
	if text, ok := os.LookupEnv("MYDATA_WITNESS_PORT"); ok {
		port, err := parsePort("MYDATA_WITNESS_PORT", text)
		if err != nil {
			return nil, err
		}
		first = port
	}
	for i := range s.witnesses {
		s.witnesses[i] = service{name: fmt.Sprintf("witness-%d", i+1), variable: "MYDATA_WITNESS_PORT", port: first + i, behind: behind}
	}
	for _, x := range []*service{&s.idp, &s.verifier, &s.insurer, &s.licence, &s.wallet, &s.extract, &s.portal} {
		x.port, x.behind = base+x.offset, behind
		if text, ok := os.LookupEnv(x.variable); ok {
			port, err := parsePort(x.variable, text)
			if err != nil {
				return nil, err
			}
			x.port = port
		}
	}
	return s, nil
}

func parsePort(variable, text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s=%q is not a port", variable, text)
	}
	return port, nil
}

func (s *services) all() []service {
	return append(s.witnesses[:len(s.witnesses):len(s.witnesses)], s.idp, s.verifier, s.insurer, s.licence, s.wallet, s.extract, s.portal)
}

// free names every port that somebody else holds, and how to move ours.
func (s *services) free() error {
	var busy []error
	for _, x := range s.all() {
		l, err := net.Listen("tcp", x.addr())
		if err != nil {
			busy = append(busy, fmt.Errorf("port %d, wanted by %s, is busy (%w): set %s=PORT to move it", x.port, x.name, err, x.variable))
			continue
		}
		l.Close()
	}
	return errors.Join(busy...)
}
