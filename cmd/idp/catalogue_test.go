package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// keepID NAME keeps the first word of the last output, which is an id.
func keepID(ts *testscript.TestScript, _ bool, args []string) {
	fields := strings.Fields(ts.ReadFile("stdout"))
	if len(args) != 1 || len(fields) == 0 {
		ts.Fatalf("usage: keep NAME, after output")
	}
	ts.Setenv(args[0], fields[0])
}
