//go:build !linux

package process

import "syscall"

// attributes puts a child into a process group of its own, so that it can be ended
// with its children. Only Linux isolates a child or ends it with its parent.
func attributes(_, _ bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
