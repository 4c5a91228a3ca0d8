package notify

import (
	"strings"
	"testing"
)

func FuzzSubscription(f *testing.F) {
	f.Add([]byte(`{"endpoint":"https://push.example/1","keys":{"auth":"AAAAAAAAAAAAAAAAAAAAAA","p256dh":"BA"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := readSubscription(raw); err == nil && !strings.HasPrefix(strings.ToLower(s.Endpoint), "http") {
			t.Errorf("took %q", s.Endpoint)
		}
	})
}
