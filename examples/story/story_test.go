package main

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govmydata/mydata/pkg/catalogue"
)

func TestPorts(t *testing.T) {
	t.Run("it names a busy port and the variable that moves it", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		t.Setenv("MYDATA_LICENCE_PORT", port)
		s, err := newServices(8080, 0)
		if err != nil {
			t.Fatal(err)
		}
		err = s.free()
		if err == nil || !strings.Contains(err.Error(), port) || !strings.Contains(err.Error(), "MYDATA_LICENCE_PORT") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("it refuses a variable that is no port", func(t *testing.T) {
		t.Setenv("MYDATA_IDP_PORT", "eighty")
		if _, err := newServices(8080, 0); err == nil || !strings.Contains(err.Error(), "MYDATA_IDP_PORT") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("it counts from the base port", func(t *testing.T) {
		s, err := newServices(9000, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, x := range s.all() {
			got = append(got, x.port)
		}
		if diff := cmp.Diff([]int{9011, 9012, 9013, 9000, 9001, 9002, 9003, 9004, 9005, 9006}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAgencies(t *testing.T) {
	dir := t.TempDir()
	ports, err := newServices(8080, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(dir, "bin", ports)
	if err := s.prepareAgencies(); err != nil {
		t.Fatal(err)
	}
	first := read(t, s.path("catalogue.json"))

	t.Run("it makes agencies whose entries the government CA's root verifies", func(t *testing.T) {
		ca, err := openCA(s.path("agencies"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var c catalogue.Catalogue
		decode(t, first, &c)
		for _, a := range c.Agencies {
			entry, err := catalogue.OpenEntry(a.Entry, pool(ca.cert), time.Now())
			if err != nil || entry.Issuer != a.ID {
				t.Errorf("%s: %v %v", a.ID, entry.Issuer, err)
			}
		}
	})
	t.Run("it keeps keys and catalogue on a second run", func(t *testing.T) {
		key := read(t, filepath.Join(dir, "agencies", "health-insurance", "key.pem"))
		if err := s.prepareAgencies(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, read(t, s.path("catalogue.json"))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(key, read(t, filepath.Join(dir, "agencies", "health-insurance", "key.pem"))); diff != "" {
			t.Error("the key was made anew")
		}
	})
	t.Run("it gives a moved insurer a new catalogue version", func(t *testing.T) {
		s.insurer.port++
		if err := s.prepareAgencies(); err != nil {
			t.Fatal(err)
		}
		var c catalogue.Catalogue
		decode(t, read(t, s.path("catalogue.json")), &c)
		if c.Version != 2 || c.Agencies[0].Release != s.insurer.url()+"/release" {
			t.Errorf("version %d, release %s", c.Version, c.Agencies[0].Release)
		}
	})
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil {
		t.Error("a second story got the same folder")
	}
	unlock()
	again, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
