//go:build !linux

package engine

import (
	"context"
	"errors"
	"time"
)

// podproof starts engines on Debian and Ubuntu only.
var errNotLinux = errors.New("starting and stopping Docker is possible on Linux only")

func end(context.Context, int, time.Duration) error { return errNotLinux }
