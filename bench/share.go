package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// wholeProcessor is the memory in MB with which Lambda gives a function a whole processor:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html. The share holds after the start.
const wholeProcessor = 1769

// period is the time in microseconds over which a control group's share is granted: an assumption. With a longer one a
// first answer is made in a single burst.
const period = 20_000

// share is a control group whose processes have a share of a processor.
type share struct{ dir string }

// newShare returns the share of a processor of a function with the given memory in MB. It needs a control group
// hierarchy, of version 2 or 1, that may be written.
func newShare(memory int) (share, error) {
	name, quota := fmt.Sprintf("junction-bench-%d", os.Getpid()), strconv.Itoa(period*memory/wholeProcessor)
	s := share{"/sys/fs/cgroup/" + name}
	files := map[string]string{"cpu.max": quota + " " + strconv.Itoa(period)}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil { // version 1
		s.dir = "/sys/fs/cgroup/cpu/" + name
		files = map[string]string{"cpu.cfs_period_us": strconv.Itoa(period), "cpu.cfs_quota_us": quota}
	}
	if err := os.Mkdir(s.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return share{}, err
	}
	for file, value := range files {
		if err := os.WriteFile(filepath.Join(s.dir, file), []byte(value), 0o600); err != nil {
			s.remove()
			return share{}, err
		}
	}
	return s, nil
}

// limit gives a process the share from now on.
func (s share) limit(pid int) error {
	return os.WriteFile(filepath.Join(s.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600)
}

func (s share) remove() { _ = os.Remove(s.dir) }
