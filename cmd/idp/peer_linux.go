package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/govmydata/mydata/internal/trail"
)

// peer asks the kernel (unix(7), SO_PEERCRED). The user who logged in stays known
// across sudo (proc_pid_loginuid(5)); where nobody logged in it is not.
func peer(fd int) (trail.Caller, error) {
	c, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return trail.Caller{}, err
	}
	by := trail.Caller{UID: int64(c.Uid)}
	const nobody = 1<<32 - 1
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/loginuid", c.Pid))
	if login, wrong := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && wrong == nil && login != nobody {
		by.Login = &login
	}
	return by, nil
}
