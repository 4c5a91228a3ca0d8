package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrAddress says that an address may not be asked: nothing was sent there.
var ErrAddress = errors.New("address not allowed")

// Check tells whether an address may be asked at all: https, with a host, without
// a password and a fragment; or, where loopback is set, plain http to this machine.
// Where its name leads is judged when the connection is made.
func Check(address string, loopback bool) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: not an address of the web", ErrAddress)
	}
	return u, check(u, loopback)
}

func check(u *url.URL, loopback bool) error {
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: not an address of the web", ErrAddress)
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback && Loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%w: not https", ErrAddress)
}

// Loopback tells whether a host is this machine by its own word, without asking
// what a name leads to.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// newGuard judges what is about to be dialled.
func newGuard(loopback bool) func(network, address string, _ syscall.RawConn) error {
	options := []ssrf.Option{
		ssrf.WithAnyPort(),
		// What Azure tells its machines, at an address that is in no registry.
		ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32")),
	}
	if loopback {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	}
	safe := ssrf.New(options...).Safe
	return func(network, address string, c syscall.RawConn) error {
		if err := safe(network, address, c); err != nil {
			return fmt.Errorf("%w: %w", ErrAddress, err)
		}
		return nil
	}
}
