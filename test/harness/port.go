package harness

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

var (
	portsMu sync.Mutex
	// nextPort is where the search for a free port continues. It begins below the ephemeral ports, so that the
	// system gives a port to nobody else before the child process listens on it, and 200 ports apart in test
	// packages that run at the same time.
	nextPort = 15000 + os.Getpid()%85*200
)

// FreeAddress returns a loopback address that nothing listens on and that no other test was given.
func FreeAddress() (string, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		nextPort++
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(nextPort))
		if listener, err := net.Listen("tcp", address); err == nil {
			return address, listener.Close()
		}
	}
	return "", errors.New("no free port")
}

// Port returns the port of an address.
func Port(address string) string {
	_, after, _ := strings.Cut(address, ":")
	return after
}
