package command

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/spf13/cobra"
)

// newVersions is `podproof versions`: the supported Kubernetes versions.
func newVersions() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "versions",
		Short: "List the supported Kubernetes versions and their node images",
		Example: `  podproof versions
  echo "versions=$(podproof versions --format=json)" >> "$GITHUB_OUTPUT"`,
		Args: noArguments, ValidArgsFunction: cobra.NoFileCompletions,
	}
	format := formatFlag(cmd, listFormats, " (on one line, for a CI matrix)")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := checkFormat(*format, listFormats); err != nil {
			return err
		}
		return writeVersions(os.Stdout, *format, supportedVersions())
	}
	return cmd
}

// supportedVersion is a supported Kubernetes version as CI reads it.
type supportedVersion struct {
	Minor string `json:"minor"`
	Build string `json:"build"` // the patch that a node image is built of
	// Published is kind's own node image, null when it has published none.
	Published  *string           `json:"published"`
	Components map[string]string `json:"components"`
}

func supportedVersions() []supportedVersion {
	var all []supportedVersion
	for _, v := range versions.Supported() {
		s := supportedVersion{Minor: v.Minor, Build: v.Build, Components: v.Components}
		if v.Published != "" {
			s.Published = &v.Published
		}
		all = append(all, s)
	}
	return all
}

func writeVersions(w io.Writer, format string, supported []supportedVersion) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(supported)
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "MINOR\tBUILT HERE\tKIND'S IMAGE\tBUILT WITH")
	for _, v := range supported {
		published := "none"
		if v.Published != nil {
			published, _, _ = strings.Cut(*v.Published, "@")
		}
		var components []string
		for _, name := range slices.Sorted(maps.Keys(v.Components)) {
			components = append(components, name+" "+v.Components[name])
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", v.Minor, v.Build, published, strings.Join(components, ", "))
	}
	return out.Flush()
}
