package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
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

// refused WORDS starts the witnesses and the hub, and wants it to end by itself
// with these words.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	r := &running{}
	data := ts.MkAbs("data")
	for i := 1; i <= 3; i++ {
		r.start(ts, "witness", "serve", "--data", fmt.Sprintf("%s/witness-%d", data, i),
			"--listen", "127.0.0.1:"+ts.Getenv(fmt.Sprintf("W%d", i)), "--log-policy", data+"/log-policy.txt")
	}
	hubs[ts] = r
	defer stopHub(ts, false, nil)
	cmd := exec.Command("idp", "serve", "--data", data, "--development", "--listen", "127.0.0.1:"+ts.Getenv("IDP"))
	cmd.Env = append(os.Environ(), "MYDATA_IDP_ISSUER="+ts.Getenv("MYDATA_IDP_ISSUER"))
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), args[0]) {
		ts.Fatalf("it ended with %v:\n%s", err, said)
	}
}
