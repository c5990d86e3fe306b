package nodeimage

import (
	"context"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// lock takes the lock of the cache, which release gives back. While another process holds
// it, lock says so and waits.
func lock(ctx context.Context, dir string, log progress.Log) (release func(), err error) {
	var waiting progress.Step
	held, err := lockfile.Acquire(ctx, filepath.Join(dir, "lock"), func(holder string) {
		waiting = log.Step("waiting for the node image that another podproof builds ("+holder+")", 0)
	})
	if err != nil {
		if waiting != nil {
			waiting.Fail(err)
		}
		return nil, err
	}
	if waiting != nil {
		waiting.Done("it has finished")
	}
	return held.Release, nil
}
