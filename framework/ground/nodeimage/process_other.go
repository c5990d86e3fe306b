//go:build !linux

package nodeimage

import "syscall"

// processAttributes puts a child into a process group of its own, so that all
// of it can be ended at once. A build, which alone isolates, needs Linux.
func processAttributes(_, _ bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
