package harness

import (
	"net"
	"sync/atomic"
	"testing"
)

// SilentServer starts a server that accepts connections, counts those on which it is sent something, and never answers.
func SilentServer(t *testing.T) (url string, called *atomic.Int64) {
	t.Helper()
	listener := Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	called = &atomic.Int64{}
	var held []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			held = append(held, conn)
			go func() {
				if n, _ := conn.Read(make([]byte, 1)); n > 0 {
					called.Add(1)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
		for _, conn := range held {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String(), called
}
