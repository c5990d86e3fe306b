package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/existing"
	"github.com/podproof/podproof/framework/ground/kind"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/run"
	"github.com/podproof/podproof/framework/setup"
	"github.com/spf13/cobra"
)

// newClean is `podproof clean`: it removes what runs left that could not clean up, and kept
// clusters. What a live run uses it leaves alone.
func newClean() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clean",
		Short: "Remove what interrupted or kept runs left on this machine",
		Example: `  podproof clean
  KUBECONFIG=$HOME/.kube/config podproof clean`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	all := cmd.Flags().Bool("all", false, "also remove the cache (built node images' components) and stop the engine that podproof started")
	cmd.RunE = func(*cobra.Command, []string) error {
		ctx, stop := interruptible()
		defer stop()
		ctx, cancel := context.WithTimeout(ctx, run.CleanUpTime)
		defer cancel()
		console := progress.NewConsole(os.Stdout, progress.Options{})
		defer console.Close()
		return clean(ctx, *all, console)
	}
	return cmd
}

func clean(ctx context.Context, all bool, log progress.Log) error {
	clusters, err := cacheDir("clusters")
	if err != nil {
		return err
	}
	// What of it fails keeps nothing else from being removed.
	errs := []error{engine.AllowServices()}
	if path := cmp.Or(os.Getenv("PODPROOF_KUBECONFIG"), os.Getenv("KUBECONFIG")); path != "" {
		given := options.List(os.Getenv("PODPROOF_NAMESPACES"))
		if err := cleanNamespaces(ctx, existing.Request{Kubeconfig: path, Context: os.Getenv("PODPROOF_CONTEXT"), Namespaces: given}, log); err != nil {
			errs = append(errs, err)
		}
	}
	used, err := kind.Clean(ctx, clusters, log)
	if err := errors.Join(append(errs, err)...); err != nil || !all {
		return err
	}
	if len(used) > 0 {
		return fmt.Errorf("live runs use %s: the engine and the cache stay; clean all again when they have ended", strings.Join(used, ", "))
	}
	state, err := cacheDir("engine")
	if err != nil {
		return err
	}
	if err := engine.Stop(ctx, state); err != nil {
		return err
	}
	cache, err := options.CacheDir()
	if err != nil {
		return err
	}
	log.Info("removing %s", cache)
	return os.RemoveAll(cache)
}

// cleanNamespaces removes what runs left on the user's own cluster.
func cleanNamespaces(ctx context.Context, r existing.Request, log progress.Log) error {
	if err := existing.CheckKubeconfig(r.Kubeconfig, r.Context); err != nil {
		return options.Usagef("%v", err)
	}
	info, err := existing.Look(ctx, r)
	if err != nil {
		return err
	}
	return setup.Sweep(ctx, info, "", log)
}
