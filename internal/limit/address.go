package limit

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ParsePrefixes reads a list of addresses and networks, separated by commas.
func ParsePrefixes(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for text := range strings.SplitSeq(list, ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if one, single := netip.ParseAddr(text); single == nil && one.Zone() == "" {
			p, err = netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network like 192.0.2.0/24", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// Sender is the address that a request is charged to; the zero Addr for a
// command on the service's own socket. Only what our own proxies wrote into
// X-Forwarded-For is believed: read from the right, the first address that is
// no proxy's. What stands left of it anybody can write.
func Sender(r *http.Request, proxies []netip.Prefix) netip.Addr {
	at := peer(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && at.IsValid() && within(proxies, at); i-- {
		before := peer(strings.TrimSpace(hops[i]))
		if !before.IsValid() {
			break
		}
		at = before
	}
	return at
}

// peer reads an address with or without its port.
func peer(text string) netip.Addr {
	host, _, err := net.SplitHostPort(text)
	if err != nil {
		host = strings.Trim(text, "[]")
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// Network is what one subscriber has: an IPv4 address, or a /64 of IPv6.
func Network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

type senderKey struct{}

// From is the address that Admit noted; the zero Addr where it did not.
func From(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(senderKey{}).(netip.Addr)
	return a
}
