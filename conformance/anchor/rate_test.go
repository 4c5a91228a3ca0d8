package anchor

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// constant counts the anchorer's transactions on the network while little
// happens at the hub, and while as much does as it bears: an interval has one.
func (w *world) constant() {
	const interval = 300 * time.Millisecond
	for _, many := range []struct{ callers, pause int }{{1, 250}, {8, 0}} {
		before, from := w.spent()
		began := time.Now()
		w.acts(many.callers, time.Duration(many.pause)*time.Millisecond, 4*time.Second)
		after, to := w.spent()
		took := time.Since(began)
		spent, most := after-before, int(took/interval)+1
		w.Logf("%.0f leaves/s: %d transactions in %s, at most %d", float64(to-from)/took.Seconds(), spent, took.Round(time.Millisecond), most)
		if spent > most || spent < 2 {
			w.Errorf("%d transactions in %s, at most %d are due", spent, took, most)
		}
	}
}

// spent is how many transactions the anchorer has made, and up to which size.
func (w *world) spent() (transactions int, size int64) {
	var status struct {
		Transactions int   `json:"transactions"`
		Size         int64 `json:"anchored_size"`
	}
	w.must(json.Unmarshal([]byte(w.idp("anchor", "status", "--json", "--state", w.Path("anchorer"))), &status))
	return status.Transactions, status.Size
}

// acts has operators do what is refused, and put on the log, all at once.
func (w *world) acts(callers int, pause, long time.Duration) {
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: callers,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", w.Path("idp.sock"))
		},
	}}
	defer client.CloseIdleConnections()
	end := time.Now().Add(long)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for ; time.Now().Before(end); time.Sleep(pause) {
				response, err := client.Post("http://idp/revoke", "application/json", strings.NewReader(`{"credential":"none"}`))
				if err != nil {
					w.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body) // a refusal
				_ = response.Body.Close()
			}
		})
	}
	all.Wait()
}
