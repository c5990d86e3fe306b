package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/elsewhere/incluster"
	"github.com/podproof/podproof/framework/ground/workshop"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/spf13/cobra"
)

// newImage is `podproof image`: this program as a container image, in an archive with the
// witness.
func newImage() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Write podproof as a container image, without a registry",
		Example: `  podproof image --out=podproof.tar
  podproof image --out=podproof.tar --kubectl=1.37`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	out := cmd.Flags().String("out", "", "write a docker archive to this `file`, for docker load, ctr images import or kind load image-archive (required)")
	tag := cmd.Flags().String("tag", "", "`reference` of the image (default: a name of its own, with the build as its tag)")
	kubectl := cmd.Flags().String("kubectl", "", "also put a kubectl of this Kubernetes `version` into it, built from source, for the claims on kubectl")
	completes(cmd, "kubectl", []string{"versions"})
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkFile(*out); err != nil {
			return err
		}
		if *tag != "" {
			if err := incluster.CheckTag(*tag); err != nil {
				return options.Usagef("tag: %v", err)
			}
		}
		var version versions.Version
		if *kubectl != "" {
			var err error
			if version, err = versions.Find(*kubectl); err != nil {
				return options.Usagef("kubectl: %v", err)
			}
		}
		ctx, stop := interruptible()
		defer stop()
		image, err := writeImage(ctx, *out, *tag, version)
		if err != nil {
			return err
		}
		fmt.Printf("%s has the images\n  %s\n  %s\n  %s\n", *out, image.Tag, image.Witness.Reference, image.Witness.Twin)
		return nil
	}
	return cmd
}

// checkFile finds early why a file could not be written: before it, kubectl is built.
func checkFile(path string) error {
	if path == "" {
		return options.Usagef("name the file to write with --out")
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
		return options.Usagef("out: there is no directory %s", filepath.Dir(path))
	}
	if file, err := os.Stat(path); err == nil && !file.Mode().IsRegular() {
		return options.Usagef("out: %s is there and is no file", path)
	}
	return nil
}

// writeImage makes the image, with a kubectl of that version unless it is the zero one.
func writeImage(ctx context.Context, out, tag string, version versions.Version) (incluster.Image, error) {
	image := incluster.Image{Tag: tag}
	var err error
	if image.Program, err = os.Executable(); err != nil {
		return image, err
	}
	if err := incluster.CheckStatic(image.Program); err != nil {
		return image, options.Usagef("%v", err)
	}
	if image.Tag == "" {
		if image.Tag, err = incluster.Reference(image.Program); err != nil {
			return image, err
		}
	}
	cache, err := options.CacheDir()
	if err != nil {
		return image, err
	}
	if image.Witness, err = witnessimage.Build(ctx, filepath.Join(cache, "witness")); err != nil {
		return image, err
	}
	if version.Build != "" {
		shop, err := workshop.Open(ctx, version.Build, cache, progress.Discard())
		if err != nil {
			return image, err
		}
		defer shop.Close()
		bench, err := shop.Bench()
		if err != nil {
			return image, err
		}
		defer os.RemoveAll(bench)
		if err := shop.Build(ctx, "kubernetes", []string{"cmd/kubectl"}, nil, bench); err != nil {
			return image, err
		}
		image.Kubectl = filepath.Join(bench, "kubectl")
		if err := incluster.CheckStatic(image.Kubectl); err != nil {
			return image, err
		}
	}
	return image, image.Write(out)
}
