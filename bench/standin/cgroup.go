//go:build linux

package standin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// controlGroups are control groups of the kernel, one for each memory size.
type controlGroups struct {
	version int
	root    string // of the hierarchy
}

// newControlGroups fails if no control group can be made here, as without root or in most containers.
func newControlGroups() (controlGroups, error) {
	g := controlGroups{version: 2, root: "/sys/fs/cgroup"}
	if _, err := os.Stat(filepath.Join(g.root, "cgroup.controllers")); err != nil {
		g = controlGroups{version: 1, root: "/sys/fs/cgroup/cpu"}
	} else { // Its children have the files of the controller only if it says so. Writing fails if it is so already in a container.
		_ = os.WriteFile(filepath.Join(g.root, "cgroup.subtree_control"), []byte("+cpu"), 0o600)
	}
	_, err := g.group(WholeProcessor)
	if err != nil {
		g.Close()
	}
	return g, err
}

func (g controlGroups) Name() string { return fmt.Sprintf("control group (version %d)", g.version) }

// group returns the directory of the control group for a memory size in MB, which it makes if need be.
func (g controlGroups) group(memory int) (dir string, err error) {
	dir = filepath.Join(g.root, fmt.Sprintf("junction-bench-%d-%d", os.Getpid(), memory))
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return dir, nil
		}
		return "", err
	}
	granted, every := strconv.FormatInt(quota(memory).Microseconds(), 10), strconv.FormatInt(period.Microseconds(), 10)
	files := [][2]string{{"cpu.max", granted + " " + every}}
	if g.version == 1 {
		files = [][2]string{{"cpu.cfs_period_us", every}, {"cpu.cfs_quota_us", granted}}
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(dir, file[0]), []byte(file[1]), 0o600); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (g controlGroups) limit(pid, memory int) (release func(), err error) {
	dir, err := g.group(memory)
	if err != nil {
		return nil, err
	}
	return func() {}, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600)
}

func (g controlGroups) Close() {
	dirs, _ := filepath.Glob(filepath.Join(g.root, fmt.Sprintf("junction-bench-%d-*", os.Getpid())))
	for _, dir := range dirs {
		_ = os.Remove(dir)
	}
}
