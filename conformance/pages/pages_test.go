package pages_test

import (
	"os"
	"testing"

	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

// TestPages runs everything in one deployment; the eyes look at every answer.
func TestPages(t *testing.T) {
	w := newWorld(t)
	t.Run("names", w.testNames)
	t.Run("forgery", w.testForgery)
	t.Run("sessions", w.testSessions)
	t.Run("strangers", w.testStrangers)
	t.Run("redirects", w.testRedirects)
	t.Run("headers", w.testHeaders)
	t.Run("guessing", w.testGuessing)
	t.Run("visits", w.testVisits)
}
