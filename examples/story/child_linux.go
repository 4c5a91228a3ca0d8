package main

import "syscall"

// childAttributes keeps Ctrl-C for us, who then stop the children in order, and
// lets no child outlive us even when we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
