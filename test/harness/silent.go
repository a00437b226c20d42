package harness

import (
	"net"
	"sync/atomic"
	"testing"
)

// SilentServer starts a server that accepts connections, counts them, and never answers.
func SilentServer(t *testing.T) (url string, accepted *atomic.Int64) {
	t.Helper()
	listener := Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	accepted = &atomic.Int64{}
	var held []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			held = append(held, conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
		for _, conn := range held {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String(), accepted
}
