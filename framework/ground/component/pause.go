package component

import (
	"context"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/process"
)

// BuildPause compiles the program of a pod's sandbox from the C source in Kubernetes'
// module. Nothing simpler will do: it also reaps the processes of pods that share
// their process namespace.
func BuildPause(ctx context.Context, kubernetesModule, out, log string) error {
	source := filepath.Join(kubernetesModule, "build", "pause", "linux", "pause.c")
	return process.Command{Log: log, Args: []string{
		"gcc", "-Os", "-Wall", "-static", "-s", "-DVERSION=podproof", "-o", out, source,
	}}.Run(ctx)
}
