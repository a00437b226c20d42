package harness

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// StartWithin limits how long a child process may take until it serves. Node and Python are slow on a busy
	// machine.
	StartWithin = 90 * time.Second
	// PollEvery is the pause between two looks at a condition.
	PollEvery = 20 * time.Millisecond
	// stopWithin limits how long a process may take to end after SIGTERM.
	stopWithin = 3 * time.Second
)

// Process is a child process and its output.
type Process struct {
	Stdout, Stderr buffer

	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it ended, once ended is closed
}

// buffer is a bytes.Buffer that one goroutine writes to and others read.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Start starts a program with exactly this environment. The caller has to stop it.
func Start(env []string, program string, args ...string) (*Process, error) {
	p := &Process{name: program, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = scratch, env
	p.cmd.Stdout, p.cmd.Stderr = &p.Stdout, &p.Stderr
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.WaitDelay = stopWithin
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the process and its children.
func (p *Process) Stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
	}
	p.Kill()
}

// Kill ends the process and its children at once, as kill -9 does.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// WaitForHTTP waits until an HTTP server answers at url, with any status.
func (p *Process) WaitForHTTP(url string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	return p.WaitUntil("answers at "+url, func() bool {
		resp, err := client.Get(url)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	})
}

// waitForTCP waits until something accepts connections at address.
func (p *Process) waitForTCP(address string) error {
	return p.WaitUntil("listens on "+address, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// WaitUntil waits for a condition while the process runs. The error says that "it never" what.
func (p *Process) WaitUntil(what string, done func() bool) error {
	for deadline := time.Now().Add(StartWithin); !done(); {
		if time.Now().After(deadline) {
			return p.failed("it never " + what)
		}
		select {
		case <-p.ended:
			return p.failed(fmt.Sprintf("it ended before it %s: %v", what, p.err))
		case <-time.After(PollEvery):
		}
	}
	return nil
}

func (p *Process) failed(why string) error {
	return fmt.Errorf("%s: %s\n%s%s", p.name, why, &p.Stdout, &p.Stderr)
}
