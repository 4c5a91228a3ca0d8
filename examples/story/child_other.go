//go:build !linux

package main

import "syscall"

// childAttributes keeps Ctrl-C for us, who then stop the children in order.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
