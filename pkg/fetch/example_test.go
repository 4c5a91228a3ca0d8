package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/govmydata/mydata/pkg/fetch"
)

// A document at an address that a stranger named.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"keys":[]}`))
	}))
	defer server.Close()
	want := fetch.Want{Types: []string{"application/json", "application/jwk-set+json"}, Limit: 64 << 10, Redirects: 3}

	development := &fetch.Client{Loopback: true}
	answer, err := development.Get(context.Background(), server.URL, want)
	fmt.Println(string(answer.Body), err)

	_, err = new(fetch.Client).Get(context.Background(), "https://169.254.169.254/latest/meta-data", want)
	fmt.Println(errors.Is(err, fetch.ErrAddress))
	// Output:
	// {"keys":[]} <nil>
	// true
}
