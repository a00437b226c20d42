//go:build linux

package standin

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// signals is the stand-in for control groups where none can be made. As the kernel does for a control group, it grants a
// process its quota in each period, and stops it (SIGSTOP) when that is used up, until the next period (SIGCONT). It reads the
// process's clock to know, so it stops the process a little late, as the kernel does; what was used too much is taken from
// the next periods.
type signals struct{}

func (signals) Name() string { return "signals" }

func (signals) Close() {}

func (signals) limit(pid, memory int) (release func(), err error) {
	if memory >= WholeProcessor*processors {
		return func() {}, nil
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ration(pid, quota(memory), done)
	}()
	return func() { close(done); <-ended }, nil
}

// ration stops and continues a process until done is closed or the process has ended.
func ration(pid int, quota time.Duration, done <-chan struct{}) {
	runtime.LockOSThread() // and sleep in the kernel: Go's timers round up to a millisecond
	defer runtime.UnlockOSThread()
	// The shortest time between two looks at the clock. The kernel looks at each of its ticks, of often 4 ms, and whenever the
	// process pauses by itself.
	const shortest = 2 * time.Millisecond
	used, err := processorTime(pid)
	allowed, stopped := used+quota, false
	for next := time.Now().Add(period); err == nil; used, err = processorTime(pid) {
		select {
		case <-done:
			_ = unix.Kill(pid, unix.SIGCONT)
			return
		default:
		}
		if now := time.Now(); !now.Before(next) { // an unused rest is lost, and too much is owed
			allowed, next = min(allowed, used)+quota, next.Add(now.Sub(next).Truncate(period)+period)
		}
		pause := min(time.Until(next), max((allowed-used)/processors, shortest))
		switch over := used >= allowed; {
		case over && !stopped:
			stopped = unix.Kill(pid, unix.SIGSTOP) == nil
		case !over && stopped:
			stopped = unix.Kill(pid, unix.SIGCONT) != nil
		case over:
			pause = time.Until(next)
		}
		if pause > 0 {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: pause.Nanoseconds()}, nil)
		}
	}
}
