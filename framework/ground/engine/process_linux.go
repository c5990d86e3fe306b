package engine

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// end asks a process to end and waits for it, with force once the time is up.
func end(ctx context.Context, pid int, timeout time.Duration) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
		return ignoreGone(err)
	}
	// The descriptor of a process becomes readable when the process ends.
	stop, wake, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stop.Close()
	defer wake.Close()
	unhook := context.AfterFunc(ctx, func() { wake.Write([]byte{0}) })
	defer unhook()
	deadline, killed := time.Now().Add(timeout), false
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, int(max(0, time.Until(deadline).Milliseconds())))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case fds[0].Revents != 0:
			return nil
		case fds[1].Revents != 0:
			return context.Cause(ctx)
		}
		if killed {
			return errors.New("does not end, even by force")
		}
		if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
			return ignoreGone(err)
		}
		deadline, killed = time.Now().Add(10*time.Second), true
	}
}

func ignoreGone(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
