package process

import "syscall"

// attributes puts a child into a process group of its own, so that it can be ended
// with its children, and unless it outlives this process lets it die with it. An
// isolated child is the first process of a new PID namespace: when it ends, the
// kernel ends every process in there. It also has its own copy of the mounts, which
// go away with it.
func attributes(isolated, outlives bool) *syscall.SysProcAttr {
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
