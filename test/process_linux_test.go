package test

import "syscall"

// ownGroup puts a child process and its children into a group that is ended together, and ends the
// child with this process, should that be killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
