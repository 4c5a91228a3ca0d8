package main

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	wall, passed := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), time.Duration(0)
	c := newClock(func() (time.Time, time.Duration) { return wall, passed })
	pass := func(d, jump time.Duration) {
		wall, passed = wall.Add(d+jump), passed+d
	}
	for _, tt := range []struct {
		name    string
		d, jump time.Duration
		want    string
	}{
		{"it is ready", time.Second, 0, ""},
		{"it lets a clock be corrected a little", time.Second, 2 * time.Second, ""},
		{"it says that the clock was set forward", time.Second, time.Hour, "the clock was set forward by 1h0m0s"},
		{"it says so a while", 50 * time.Second, 0, "the clock was set forward by 1h0m0s"},
		{"it is ready again", 20 * time.Second, 0, ""},
		{"it says that the clock was set back", time.Second, -time.Hour, "the clock was set back by 1h0m0s"},
		{"it is ready again", time.Minute, 0, ""},
		{"it takes a long silence for no jump", 24 * time.Hour, 0, ""},
	} {
		pass(tt.d, tt.jump)
		got := ""
		if err := c.Ready(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := newClock(machineClock()).Ready(); err != nil {
		t.Errorf("the machine's: %v", err)
	}
}
