package fetch

import (
	"errors"
	"net/netip"
	"testing"
)

func TestCheck(t *testing.T) {
	for address, want := range map[string]struct{ production, development bool }{
		"https://a.example/1": {true, true}, "https://a.example:8443/x?y": {true, true}, "https://10.0.0.1/": {true, true}, // left to the guard
		"http://localhost:8080/1": {false, true}, "http://[::1]:80/1": {false, true}, "http://127.0.0.1/1": {false, true},
		"http://localhost.evil/1": {}, "http://a.example/1": {}, "http://127.0.0.1.evil/": {}, "http://2130706433/": {},
		"https:///1": {}, "https://:443/": {}, "https:a.example": {}, "https://a:b@c.example/1": {}, "https://a@c.example/1": {},
		"https://a.example/1#x": {}, "ftp://localhost/1": {}, "file:///etc/passwd": {}, "//a.example/": {}, "/1": {}, "": {}, "https://%zz/": {},
	} {
		for _, mode := range []struct{ loopback, want bool }{{false, want.production}, {true, want.development}} {
			u, err := Check(address, mode.loopback)
			if (err == nil) != mode.want || err != nil && !errors.Is(err, ErrAddress) {
				t.Errorf("%q, loop-back %v: %v", address, mode.loopback, err)
			}
			if err == nil && u.String() != address {
				t.Errorf("%q became %s", address, u)
			}
		}
	}
}

//clause:status 11.4: redirects bounded and checked again; private networks out of reach, also by a name that leads elsewhere later
func TestGuard(t *testing.T) {
	for _, c := range []struct{ name, address string }{
		{"it dials no private address", "10.1.2.3"},
		{"it dials no private address of the second kind", "172.31.255.255"},
		{"it dials no private address of the third kind", "192.168.0.1"},
		{"it dials no address that providers share", "100.64.0.1"},
		{"it dials no link-local address, where clouds keep secrets", "169.254.169.254"},
		{"it dials no address of Alibaba's secrets", "100.100.100.200"},
		{"it dials no address of Oracle's secrets", "192.0.0.192"},
		{"it dials no address of Azure's secrets", "168.63.129.16"},
		{"it dials no address of Amazon's secrets of IPv6", "fd00:ec2::254"},
		{"it dials not this network", "0.0.0.0"},
		{"it dials not this network of IPv6", "::"},
		{"it broadcasts nothing", "255.255.255.255"},
		{"it dials no group", "224.0.0.1"},
		{"it dials no group of IPv6", "ff02::1"},
		{"it dials no address of documents", "192.0.2.1"},
		{"it dials no address of benchmarks", "198.18.0.1"},
		{"it dials no reserved address", "240.0.0.1"},
		{"it dials no unique local address", "fc00::1"},
		{"it dials no link-local address of IPv6", "fe80::1"},
		{"it dials no address with a zone", "fe80::1%lo"},
		{"it dials no public address with a zone", "2606:4700::1111%lo"},
		{"it dials no site-local address", "fec0::1"},
		{"it dials no mapped private address", "::ffff:10.0.0.1"},
		{"it dials no mapped loop-back", "::ffff:127.0.0.1"},
		{"it dials no compatible loop-back", "::127.0.0.1"},
		{"it dials no loop-back by NAT64", "64:ff9b::127.0.0.1"},
		{"it dials no private address by a local NAT64", "64:ff9b:1::10.0.0.1"},
		{"it dials no private address by 6to4", "2002:a00:1::"},
		{"it dials no private address by Teredo", "2001:0:a00:1::1"},
		{"it dials no address of documents of IPv6", "2001:db8::1"},
		{"it dials no newer address of documents", "3fff::1"},
		{"it dials no discarded address", "100::1"},
		{"it dials no segment of a router", "5f00::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, loopback := range []bool{false, true} {
				if err := judge(t, c.address, loopback); !errors.Is(err, ErrAddress) {
					t.Errorf("loop-back %v: %v", loopback, err)
				}
			}
		})
	}
	for _, address := range []string{"127.0.0.1", "127.255.255.254", "::1"} {
		if err := judge(t, address, false); !errors.Is(err, ErrAddress) {
			t.Errorf("it dials this machine: %v", err)
		}
		if err := judge(t, address, true); err != nil {
			t.Errorf("it does not dial this machine in development: %v", err)
		}
	}
	for _, address := range []string{"8.8.8.8", "168.63.129.17", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"} {
		if err := judge(t, address, false); err != nil {
			t.Errorf("it does not dial the Internet: %v", err)
		}
	}
	for _, c := range []struct{ network, address string }{{"udp4", "8.8.8.8:53"}, {"unix", "/run/x"}, {"tcp4", "a.example:443"}, {"tcp4", ""}} {
		if err := newGuard(true)(c.network, c.address, nil); !errors.Is(err, ErrAddress) {
			t.Errorf("%s %s: %v", c.network, c.address, err)
		}
	}
}

func judge(t *testing.T, address string, loopback bool) error {
	t.Helper()
	ip, err := netip.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	network := "tcp6"
	if ip.Is4() {
		network = "tcp4"
	}
	return newGuard(loopback)(network, netip.AddrPortFrom(ip, 443).String(), nil)
}

// special are the special purpose registries of IANA, written down anew so that
// the library's list has a second opinion.
var special = func() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
		"::/128", "::1/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32",
		"2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}()

// FuzzGuard: what is dialled is global unicast to netip, in no registry of special
// purposes, however it is written, and holds no such IPv4 address in disguise; in
// development this machine comes in addition, and nothing else.
func FuzzGuard(f *testing.F) {
	for _, p := range special {
		f.Add(p.Addr().AsSlice(), "", false)
	}
	f.Add([]byte{8, 8, 8, 8}, "", true)
	f.Add(netip.MustParseAddr("2606:4700::1111").AsSlice(), "lo", false)
	f.Fuzz(func(t *testing.T, raw []byte, zone string, loopback bool) {
		ip, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		if zone != "" && ip.Is6() {
			ip = ip.WithZone(zone)
		}
		network := "tcp6"
		if ip.Is4() {
			network = "tcp4"
		}
		err := newGuard(loopback)(network, netip.AddrPortFrom(ip, 443).String(), nil)
		if err != nil {
			if !errors.Is(err, ErrAddress) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		if loopback && ip.IsLoopback() {
			return
		}
		if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.Zone() != "" || ip.Is4In6() {
			t.Fatalf("it dials %s", ip)
		}
		for _, p := range special {
			if p.Contains(ip) {
				t.Fatalf("it dials %s of %s", ip, p)
			}
		}
	})
}

// FuzzCheck: an address that may be asked is https, or plain http to this machine
// in development, has a host, and neither a password nor a fragment.
func FuzzCheck(f *testing.F) {
	f.Add("https://a.example/1", false)
	f.Add("http://localhost:1/", true)
	f.Add("https://a:b@c.example/#x", false)
	f.Fuzz(func(t *testing.T, address string, loopback bool) {
		u, err := Check(address, loopback)
		if err != nil {
			if !errors.Is(err, ErrAddress) {
				t.Fatalf("no sentinel: %v", err)
			}
			return
		}
		here := loopback && u.Scheme == "http" && (u.Hostname() == "localhost" || netip.MustParseAddr(u.Hostname()).IsLoopback())
		if u.Scheme != "https" && !here || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			t.Fatalf("it asks %s", address)
		}
	})
}
