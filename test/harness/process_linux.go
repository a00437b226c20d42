package harness

import "syscall"

// ownGroup puts a child process and its children into one process group, which is ended together, and ends the
// child if this process is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
