package junctiontest

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is a simulator that listens on a port: see [Simulator.Start].
type Server struct {
	http     http.Server
	listener net.Listener
	done     chan struct{}
}

// Start serves the simulator on a loopback address until Close; "" is "127.0.0.1:0". Any other address is an error,
// because the simulator's key is public.
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
		_ = server.http.Serve(listener) // always an error: that of Close
	}()
	return server, nil
}

// URL returns the server's URL, without a slash at the end.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops the server, and closes all connections. It may be called more than once.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// loopback returns addr with defaults filled in. An address that is not a loopback address is an error.
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
