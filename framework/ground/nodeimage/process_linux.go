package nodeimage

import "syscall"

// processAttributes puts a child into a process group of its own, so that all
// of it can be ended at once, and unless it outlives this process lets it die
// with it. An isolated child is the first process of a new PID namespace, whose end the kernel
// makes the end of every process in it, and sees its own copy of the mounts,
// which go away with it.
func processAttributes(isolated, outlives bool) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if !outlives {
		attributes.Pdeathsig = syscall.SIGKILL
	}
	if isolated {
		attributes.Cloneflags = syscall.CLONE_NEWPID
		attributes.Unshareflags = syscall.CLONE_NEWNS
	}
	return attributes
}
