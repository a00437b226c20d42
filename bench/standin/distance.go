//go:build linux

package standin

import (
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// distant returns the URL at which a server can be reached as over a network with the given round-trip time. stop
// closes it.
func distant(server *httptest.Server, roundTrip time.Duration) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = near.Close() }()
				sleep(roundTrip) // the TCP handshake
				far, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					return
				}
				go delay(far, near, roundTrip/2)
				delay(near, far, roundTrip/2)
			}()
		}
	}()
	scheme, _, _ := strings.Cut(server.URL, "://")
	return scheme + "://" + listener.Addr().String(), func() { _ = listener.Close() }, nil
}

// delay copies from one connection to the other, each piece after a pause.
func delay(to io.WriteCloser, from io.Reader, pause time.Duration) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			pieces <- piece{buffer[:n], time.Now().Add(pause)}
		}
	}()
	for p := range pieces {
		sleep(time.Until(p.due))
		_, _ = to.Write(p.data) // reading ends when the connection is closed
	}
	_ = to.Close()
}

// sleep pauses as precisely as the kernel can. Go's timers are up to a millisecond late, which is as much as AWS is away; so
// the last part of a pause is spent in the kernel.
func sleep(pause time.Duration) {
	const late = 2 * time.Millisecond
	until := time.Now().Add(pause)
	if pause > late {
		time.Sleep(pause - late)
	}
	for rest := time.Until(until); rest > 0; rest = time.Until(until) { // a signal, as Go's scheduler sends, ends one early
		_ = unix.Nanosleep(&unix.Timespec{Nsec: rest.Nanoseconds()}, nil)
	}
}
