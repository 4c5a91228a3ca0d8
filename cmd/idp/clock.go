package main

import (
	"fmt"
	"sync"
	"time"
)

const (
	jumps   = 10 * time.Second // what a clock does not do by itself
	settles = time.Minute      // how long the service says that it did
)

// clock notices that somebody set it: what was given out before has then ended
// too early or lives too long.
type clock struct {
	read func() (wall time.Time, passed time.Duration) // passed: by a clock that nobody sets

	mu     sync.Mutex
	wall   time.Time
	passed time.Duration // at the last look
	by     time.Duration // of the last jump
	until  time.Duration
}

func newClock(read func() (time.Time, time.Duration)) *clock {
	c := &clock{read: read}
	c.wall, c.passed = read()
	return c
}

// machineClock reads the machine's.
func machineClock() func() (time.Time, time.Duration) {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start) // Round drops the monotonic reading, Sub uses it
	}
}

// Ready says for a minute that the clock was set.
func (c *clock) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, passed := c.read()
	if by := wall.Sub(c.wall) - (passed - c.passed); by.Abs() > jumps {
		c.by, c.until = by, passed+settles
	}
	c.wall, c.passed = wall, passed
	if passed < c.until {
		return clockSet{c.by}
	}
	return nil
}

type clockSet struct{ by time.Duration }

func (s clockSet) Error() string { return s.Reason() }

func (s clockSet) Reason() string {
	if s.by < 0 {
		return fmt.Sprintf("the clock was set back by %s", s.by.Abs().Round(time.Second))
	}
	return fmt.Sprintf("the clock was set forward by %s", s.by.Round(time.Second))
}
