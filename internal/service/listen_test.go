package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// A request under way when the service is told to stop gets its answer, and what it
// stands on is there until then: Until does not return before.
func TestUntilLetsRequestsFinish(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	begun, over := make(chan struct{}), make(chan struct{})
	server := Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		time.Sleep(300 * time.Millisecond)
		close(over)
		_, _ = io.WriteString(w, "done")
	}), 1<<14, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- Until(ctx, server, l, "", "") }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		answered <- string(text)
	}()
	<-begun
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	select {
	case <-over:
	default:
		t.Error("it ended while a request was under way")
	}
	if said := <-answered; said != "done" {
		t.Errorf("the request under way heard %q", said)
	}
}
