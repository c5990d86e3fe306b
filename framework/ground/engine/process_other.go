//go:build !linux

package engine

import (
	"context"
	"errors"
	"time"
)

// podproof starts engines on Debian and Ubuntu only.
var errNotLinux = errors.New("starting and stopping Docker is possible on Linux only")

func listenReady() (ready <-chan struct{}, address string, closeIt func(), err error) {
	return nil, "", nil, errNotLinux
}

func end(context.Context, int, time.Duration) error { return errNotLinux }
