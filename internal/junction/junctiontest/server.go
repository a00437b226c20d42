package junctiontest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a simulator that listens. Start one with [Simulator.Start].
type Server struct {
	http     http.Server
	listener net.Listener
	done     chan struct{}
}

// Start listens on a loopback address, "127.0.0.1:0" where addr is "", and answers until Close. An
// address that others could reach is refused: the simulator's key is no secret.
func (s *Simulator) Start(addr string) (*Server, error) {
	addr, err := loopback(addr)
	if err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	server := &Server{
		http:     http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second},
		listener: listener,
		done:     make(chan struct{}),
	}
	go func() {
		defer close(server.done)
		_ = server.http.Serve(listener) // ends with Close, and says so
	}()
	return server, nil
}

// URL is where the server listens, without a slash at its end.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops listening and breaks off whatever is not answered yet. It may be called more than once.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// loopback completes addr, and refuses a host that is not the machine itself.
func loopback(addr string) (string, error) {
	if addr == "" {
		return "127.0.0.1:0", nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	switch ip := net.ParseIP(host); {
	case host == "" || host == "localhost":
		return net.JoinHostPort("127.0.0.1", port), nil
	case ip == nil || !ip.IsLoopback():
		return "", fmt.Errorf("%q is not a loopback address", addr)
	}
	return addr, nil
}
