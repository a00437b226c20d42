package junction

import (
	"net"
	"syscall"
)

// The states of a TCP connection (include/net/tcp_states.h) that the other end has reset or closed.
const (
	tcpClose     = 7
	tcpCloseWait = 8
)

// isLost reports whether the kernel knows that the other end has reset or closed a connection, and the connection
// has not been closed on this end yet. It does not read from the connection, and sends nothing.
func isLost(conn net.Conn) bool {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var state int
	err = raw.Control(func(fd uintptr) {
		info, failed := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		if failed == nil {
			state = info & 0xff // tcp_info begins with the state, in one byte
		}
	})
	return err == nil && (state == tcpClose || state == tcpCloseWait)
}
