package main

import (
	"context"
	"net"

	"github.com/govmydata/mydata/internal/trail"
)

// withPeer says in a connection's context who is at its other end: the user of
// the process, as the kernel knows him. Where the system does not tell, nothing
// is said, and the commands that change something are refused.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	socket, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return ctx
	}
	var by trail.Caller
	var problem error
	if err := raw.Control(func(fd uintptr) { by, problem = peer(int(fd)) }); err != nil || problem != nil {
		return ctx
	}
	return trail.WithCaller(ctx, by)
}
