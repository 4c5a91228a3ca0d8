package hostile_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

// witnesses attack who cosigns the log (C2SP tlog-witness): plain text, and 4xx
// by the step that failed.
func witnesses() []attempt {
	var list []attempt
	post := func(name string, status int, body func(t *testing.T, w *world) string) {
		list = append(list, attempt{name: name, status: status, try: func(t *testing.T, w *world) answer {
			return ask(t, http.MethodPost, w.URL(stage.Witness(1))+"/add-checkpoint", body(t, w))
		}})
	}
	is := func(text string) func(*testing.T, *world) string {
		return func(*testing.T, *world) string { return text }
	}
	checkpoint := func(t *testing.T, w *world) string { return get(t, w.hub+"/log/checkpoint").body }
	for name, body := range map[string]string{
		"nothing": "", "a checkpoint without the old size": "log\n1\nAAAA\n", "a negative size": "old -1\n\n", "a size with a sign": "old +1\n\n", "a size beyond all numbers": "old 99999999999999999999\n\n",
		"a proof that is none": "old 1\n???\n\n", "a hash of 31 bytes": "old 1\n" + long(42) + "\n\n", "a hundred hashes": "old 1\n" + strings.Repeat("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 100) + "\n", "bytes": "\xff\x00",
	} {
		post("it refuses "+name, 400, is(body))
	}
	post("it refuses 200 KiB", 400, is("old 0\n"+long(200<<10)))
	post("it follows no other log", 404, is("old 0\n\nevil.example/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— evil.example/log AAAAAAAA\n"))
	post("it signs no checkpoint that the log did not sign", 403, func(t *testing.T, w *world) string {
		note := checkpoint(t, w)
		lines := strings.Split(note, "\n")
		lines[1] += "0"
		return "old 0\n\n" + strings.Join(lines, "\n")
	})
	post("it signs no checkpoint with another root", 403, func(t *testing.T, w *world) string {
		lines := strings.Split(checkpoint(t, w), "\n")
		lines[2] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
		return "old 0\n\n" + strings.Join(lines, "\n")
	})
	post("it signs no checkpoint without signature", 403, func(t *testing.T, w *world) string {
		text, _, _ := strings.Cut(checkpoint(t, w), "\n\n")
		return "old 0\n\n" + text + "\n\n"
	})
	post("it signs no checkpoint from another beginning", 409, func(t *testing.T, w *world) string { return "old 0\n\n" + checkpoint(t, w) })
	post("it refuses an old size beyond the new one", 400, func(t *testing.T, w *world) string { return "old 999999\n\n" + checkpoint(t, w) })
	list = append(list, attempt{name: "it refuses GET", status: 405, try: func(t *testing.T, w *world) answer { return get(t, w.URL(stage.Witness(1))+"/add-checkpoint") }},
		attempt{name: "it knows no other path", status: 404, try: func(t *testing.T, w *world) answer { return get(t, w.URL(stage.Witness(1))+"/"+long(200)) }})
	return list
}
