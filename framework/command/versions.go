package command

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/podproof/podproof/fixtures/versions"
)

// supportedVersion is a supported Kubernetes version as CI reads it.
type supportedVersion struct {
	Minor string `json:"minor"`
	Build string `json:"build"` // the patch that a node image is built of
	// Published is kind's own node image, null when it has published none.
	Published  *string           `json:"published"`
	Components map[string]string `json:"components"`
}

// commandVersions is `podproof versions`: the supported versions, without a cluster.
func commandVersions(args []string) int {
	flags := flag.NewFlagSet("podproof versions", flag.ContinueOnError)
	format := flags.String("format", "table", "`form` of the list: table or json (on one line, for a CI matrix)")
	err := parseAlone(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err == nil {
		err = checkFormat(*format, listFormats)
	}
	if err == nil {
		err = writeVersions(os.Stdout, *format, supportedVersions())
	}
	if err != nil {
		return report(err)
	}
	return 0
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

func writeVersions(w io.Writer, format string, versions []supportedVersion) error {
	if format == "json" {
		return json.NewEncoder(w).Encode(versions)
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "MINOR\tBUILT HERE\tKIND'S IMAGE\tBUILT WITH")
	for _, v := range versions {
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
