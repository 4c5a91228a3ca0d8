package metrics

import (
	"errors"
	"fmt"
	"net"
)

// CheckAddress holds where metrics may be served: on loop-back, or by https at
// one address that was named. What everybody can reach by accident is refused.
func CheckAddress(address string, https bool) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("metrics %q: %w", address, err)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return nil
	case host == "" || ip != nil && ip.IsUnspecified():
		return errors.New("metrics: name the address that they are served at; they are not for everybody")
	case !https:
		return errors.New("metrics: off loop-back they are served by https: give tls-cert and tls-key")
	}
	return nil
}
