package test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startWithin is how long a child process may take until it serves. Node and Python are slow on a
	// busy machine.
	startWithin = 90 * time.Second
	// stopWithin is how long it may take to end when it is asked to.
	stopWithin = 3 * time.Second
	pollEvery  = 20 * time.Millisecond
)

// process is a child process and what it wrote.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdout buffer
	stderr buffer
	ended  chan struct{}
	err    error // how it ended, once ended is closed
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

// start starts a program with exactly this environment. The caller sees to it that it is stopped.
func start(env []string, program string, args ...string) (*process, error) {
	p := &process{name: program, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = scratch, env
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
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

// stop ends the process and its children.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// serving waits until an HTTP server answers at url, whatever it answers.
func (p *process) serving(url string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	return p.until("answers at "+url, func() bool {
		resp, err := client.Get(url)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	})
}

// listening waits until something accepts connections at address.
func (p *process) listening(address string) error {
	return p.until("listens on "+address, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// until polls for a condition while the process runs.
func (p *process) until(what string, done func() bool) error {
	for deadline := time.Now().Add(startWithin); !done(); {
		if time.Now().After(deadline) {
			return p.failed("it never " + what)
		}
		select {
		case <-p.ended:
			return p.failed(fmt.Sprintf("it ended before it %s: %v", what, p.err))
		case <-time.After(pollEvery):
		}
	}
	return nil
}

func (p *process) failed(why string) error {
	return fmt.Errorf("%s: %s\n%s%s", p.name, why, &p.stdout, &p.stderr)
}

var (
	portsMu sync.Mutex
	// nextPort is where the search for a free one goes on. It begins below the ports that systems hand
	// out by themselves, so that nobody else is given one between here and the child that is to have it,
	// and elsewhere for each run.
	nextPort = 15000 + os.Getpid()%5000
)

// freeAddress returns a loopback address that nothing listens on, and no other test was given.
func freeAddress() (string, error) {
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

func port(address string) string {
	_, after, _ := strings.Cut(address, ":")
	return after
}
