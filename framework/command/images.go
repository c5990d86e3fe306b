package command

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/podproof/podproof/framework/ground/nodeimage"
	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/framework/witness/witnessimage"
	"github.com/spf13/cobra"
)

// newImages is `podproof images`: the images that a run needs.
func newImages() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "images",
		Short:   "List the images that a run needs",
		Example: "  podproof images --k8s=1.36",
		Args:    noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	version := cmd.Flags().String("k8s", "", "Kubernetes `version` of the kind cluster (default: the newest supported)")
	completes(cmd, "k8s", []string{"versions"})
	format := formatFlag(cmd, listFormats, "")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkFormat(*format, listFormats); err != nil {
			return err
		}
		candidates, err := nodeimage.Candidates(*version)
		if err != nil {
			return options.Usagef("%v", err)
		}
		cache, err := cacheDir("witness")
		if err != nil {
			return err
		}
		// Its name comes from the program in it, so that the image has to be made to be named.
		ctx, stop := interruptible()
		defer stop()
		image, err := witnessimage.Build(ctx, cache)
		if err != nil {
			return err
		}
		return writeImages(os.Stdout, *format, neededImages(candidates, image))
	}
	return cmd
}

// neededImage is an image that a run needs.
type neededImage struct {
	Image string `json:"image"`
	For   string `json:"for"`
	From  string `json:"from"`
	// Archive is the file to load into the nodes, of an image that no registry has.
	Archive string `json:"archive,omitempty"`
}

func neededImages(candidates []nodeimage.Candidate, image *witnessimage.Image) []neededImage {
	var all []neededImage
	for n, c := range candidates {
		needed := neededImage{Image: c.Image, For: "nodes of a kind cluster", From: "kind's registry"}
		if c.Source == nodeimage.Built {
			needed.From = "built here"
			if n > 0 {
				needed.From += ", where the one above cannot be had"
			}
		}
		all = append(all, needed)
	}
	return append(all,
		neededImage{Image: image.Reference, For: "containers of all specs", From: "built here", Archive: image.Archive},
		neededImage{Image: image.Twin, For: "specs that change the image of a container", From: "built here", Archive: image.Archive})
}

func writeImages(w io.Writer, format string, images []neededImage) error {
	if format == "json" {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(map[string][]neededImage{"images": images})
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "IMAGE\tFOR\tFROM\tARCHIVE")
	for _, i := range images {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", i.Image, i.For, i.From, i.Archive)
	}
	return out.Flush()
}
