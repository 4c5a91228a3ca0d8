package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The hub's word on its keys is heard from who was asked, and no longer than it is.
func TestHubKeysFromElsewhere(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"statements":["a"]}`)) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"statements":["a"]}` + strings.Repeat(" ", maxHubKeysFile)))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, refused := range map[string]string{"/good": "", "/away": "302 Found", "/long": "longer than", "/none": "404"} {
		_, err := readHubKeys(t.Context(), server.URL+path)
		if (err == nil) != (refused == "") || err != nil && !strings.Contains(err.Error(), refused) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
