//go:build linux

package standin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// processors is how many processors a function sees, below 3,009 MB.
const processors = 2

// Function is what Lambda starts.
type Function struct {
	Command []string
	Dir     string   // "": the current one
	Environ []string // without AWS_LAMBDA_RUNTIME_API
}

// Instance is a running function.
type Instance struct {
	Start time.Duration // from the start of the process to its first poll

	api     *runtimeAPI
	command *exec.Cmd
	exited  chan struct{}
	release func()
	output  output
}

// Start starts a function with the given memory in MB: with whole processors until it polls for its first event, and
// from then on with the share of one that the memory gives.
func Start(f Function, share Share, memory int) (*Instance, error) {
	i := &Instance{api: newRuntimeAPI(), command: exec.Command(f.Command[0], f.Command[1:]...), release: func() {}}
	i.command.Dir = f.Dir
	i.command.Env = append(slices.Clone(f.Environ), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(memory),
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(i.api.URL, "http://"))
	i.command.Stdout, i.command.Stderr = &i.output, &i.output
	began := time.Now()
	if err := onTwoProcessors(i.command.Start); err != nil {
		i.api.Close()
		return nil, err
	}
	i.exited = make(chan struct{})
	go func() { _ = i.command.Wait(); close(i.exited) }()
	select {
	case at := <-i.api.polled:
		i.Start = at.Sub(began)
	case <-i.exited:
		i.Stop()
		return nil, fmt.Errorf("%s ended before it polled: %s", f.Command[0], i.Output())
	case <-time.After(timeout):
		i.Stop()
		return nil, fmt.Errorf("%s did not poll: %s", f.Command[0], i.Output())
	}
	release, err := share.limit(i.command.Process.Pid, memory)
	if err != nil {
		i.Stop()
		return nil, err
	}
	i.release = release
	return i, nil
}

// Invoke sends the function an event, and returns how long its answer took. The answer must contain want.
func (i *Instance) Invoke(event, want string) (time.Duration, error) {
	took, err := i.api.invoke(event, want)
	if err != nil {
		output := i.Output()
		err = fmt.Errorf("%w; the end of its output: %s", err, output[max(0, len(output)-1000):])
	}
	return took, err
}

// Stop kills the function.
func (i *Instance) Stop() {
	i.release()
	_ = i.command.Process.Kill()
	<-i.exited
	i.api.CloseClientConnections()
	i.api.Close()
}

// Output returns what the function has written.
func (i *Instance) Output() string { return i.output.String() }

// ProcessorTime returns how much processor time the function has used.
func (i *Instance) ProcessorTime() (time.Duration, error) {
	return processorTime(i.command.Process.Pid)
}

// ResidentMiB returns the function's resident memory in MiB: field is VmRSS for now, and VmHWM for its highest.
func (i *Instance) ResidentMiB(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", i.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no " + field + " in the status of the process")
}

// processorTime returns the user and system time of a process from its clock, which counts nanoseconds (/proc counts
// hundredths of a second): clock_getcpuclockid(3).
func processorTime(pid int) (time.Duration, error) {
	const schedulerClock = 2
	var now unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|schedulerClock), &now)
	return time.Duration(now.Nano()), err
}

// onTwoProcessors calls start, which starts a process, so that the process sees as many processors as in Lambda.
func onTwoProcessors(start func() error) error {
	runtime.LockOSThread() // affinity belongs to a thread, and is inherited by the process that it starts
	defer runtime.UnlockOSThread()
	var all, two unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := 0; two.Count() < min(processors, all.Count()); cpu++ {
		if all.IsSet(cpu) {
			two.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &two); err != nil {
		return err
	}
	err := start()
	return errors.Join(err, unix.SchedSetaffinity(0, &all))
}

// output is what a process writes.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}
