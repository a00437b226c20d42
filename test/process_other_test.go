//go:build !linux

package test

import "syscall"

// ownGroup puts a child process and its children into a group that is ended together.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
