package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func TestAccept(t *testing.T) {
	for name, tc := range map[string]struct {
		ids []string
		ok  bool
	}{
		"it takes a licence on the list":              {[]string{"MIT"}, true},
		"it refuses a licence that is not":            {[]string{"GPL-3.0"}, false},
		"it refuses two of which one is not":          {[]string{"MIT", "AGPL-3.0"}, false},
		"it refuses a module that ships no licence":   {nil, false},
		"it refuses what somebody wrote over a badge": {[]string{"mit"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := accept("example.org/m", tc.ids); (err == nil) != tc.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestRecogniseRefusesUnknownText(t *testing.T) {
	for _, text := range []string{"", "You may not use this.", "All rights reserved. Contact sales."} {
		if ids, err := recognise([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, ids)
		}
	}
}

// The test's own binary is one that links modules.
func TestBill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var twice [2]bytes.Buffer
	for i := range twice {
		bom, err := bill(self)
		if err != nil {
			t.Fatal(err)
		}
		if err := cdx.NewBOMEncoder(&twice[i], cdx.BOMFileFormatJSON).Encode(bom); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(twice[0].Bytes(), twice[1].Bytes()) {
		t.Error("it writes another bill of the same binary")
	}
	for _, want := range []string{`"specVersion":"1.7"`, `"purl":"pkg:golang/github.com/google/licensecheck@v0.3.1"`, `"purl":"pkg:golang/std@go1.`, `"id":"BSD-3-Clause"`, `"alg":"SHA-256"`, `"h1:`} {
		if !strings.Contains(twice[0].String(), want) {
			t.Errorf("it lacks %s", want)
		}
	}
}
