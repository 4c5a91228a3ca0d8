//go:build darwin || freebsd

package main

import (
	"golang.org/x/sys/unix"

	"github.com/govmydata/mydata/internal/trail"
)

// peer asks the kernel (unix(4), LOCAL_PEERCRED).
func peer(fd int) (trail.Caller, error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return trail.Caller{}, err
	}
	return trail.Caller{UID: int64(c.Uid)}, nil
}
