package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

var (
	scratch  string // removed at the end
	services shared // stopped at the end
)

// Main runs the tests of a package, at the same time as those of other packages.
func Main(m *testing.M) { os.Exit(run(m, syscall.LOCK_SH)) }

// MainAlone runs the tests of a package while no other package that uses the harness runs, in any checkout: tests in
// real time need the machine for themselves. `go test ./...` runs packages at the same time, so a lock keeps them
// apart.
func MainAlone(m *testing.M) { os.Exit(run(m, syscall.LOCK_EX)) }

func run(m *testing.M, lock int) int {
	unlock, err := lockMachine(lock)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer unlock()
	if scratch, err = os.MkdirTemp("", "junction-refresh-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	defer services.stop()
	return m.Run()
}

// lockMachine waits for a lock that all test packages share, or that one has for itself.
func lockMachine(how int) (unlock func(), err error) {
	name := fmt.Sprintf("junction-refresh-test-%d.lock", os.Getuid()) // another user's file cannot be opened
	file, err := os.OpenFile(filepath.Join(os.TempDir(), name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil // which releases the lock
}

// shared holds the processes that several tests of a package use.
type shared struct {
	mu    sync.Mutex
	stops []func()
}

func (s *shared) stopAtEnd(stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = append(s.stops, stop)
}

func (s *shared) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stop := range s.stops {
		stop()
	}
}
