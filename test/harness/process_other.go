//go:build !linux

package harness

import "syscall"

// ownGroup puts a child process and its children into one process group, which is ended together.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
