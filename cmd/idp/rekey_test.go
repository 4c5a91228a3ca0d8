package main

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// signed N waits until a checkpoint is published that N keys of the log signed,
// while the operator's acts make the log grow.
func signed(ts *testscript.TestScript, _ bool, args []string) {
	url := "http://localhost:" + ts.Getenv("IDP") + "/log/checkpoint"
	var body []byte
	for range 200 {
		_ = exec.Command("idp", "revoke", "--socket", ts.MkAbs("data/idp.sock"), "--credential", "none").Run() // refused, and on the log
		if res, err := http.Get(url); err == nil {
			body, err = io.ReadAll(res.Body)
			ts.Check(err)
			ts.Check(res.Body.Close())
			if fmt.Sprint(strings.Count(string(body), "\n— localhost:"+ts.Getenv("IDP")+"/log ")) == args[0] {
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("not signed by %s keys:\n%s", args[0], body)
}
