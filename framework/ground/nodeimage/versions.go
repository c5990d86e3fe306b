package nodeimage

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/yaml"
)

// ErrVersion is wrapped by every error about a Kubernetes version that
// podproof cannot make a node image for.
var ErrVersion = errors.New("unknown Kubernetes version")

// Version is one supported minor version of Kubernetes and where its node
// image comes from.
type Version struct {
	// Minor is the version without its patch, for instance "1.37".
	Minor string
	// Build is the patch version that a build makes, for instance "v1.37.2".
	Build string
	// Published is the reference of kind's own image of this minor, with its
	// digest. It is empty when this kind release published none.
	Published string
	// Components are the versions of what is built beside Kubernetes, by the
	// component's name.
	Components map[string]string
}

// PublishedVersion is the Kubernetes version of the published image, for
// instance "v1.37.0", or "" when there is none.
func (v Version) PublishedVersion() string { return tagOf(v.Published) }

// patches names the patch versions of the minor that can be had, and how.
func (v Version) patches() string {
	s := v.Build + " (built here)"
	if p := v.PublishedVersion(); p != "" && p != v.Build {
		s += ", " + p + " (kind's image)"
	}
	return s
}

//go:embed versions.yaml
var versionsYAML []byte

// versions reads versions.yaml once. The file is part of the program, so a
// mistake in it is a bug and panics.
var versions = sync.OnceValue(func() []Version {
	all, err := parseVersions(versionsYAML, defaults.Image)
	if err != nil {
		panic("nodeimage: versions.yaml: " + err.Error())
	}
	return all
})

func parseVersions(data []byte, kindDefault string) ([]Version, error) {
	var file struct {
		Components map[string]string `json:"components"`
		Kubernetes []struct {
			Minor      string            `json:"minor"`
			Build      string            `json:"build"`
			Published  string            `json:"published"`
			Components map[string]string `json:"components"`
		} `json:"kubernetes"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, err
	}
	var all []Version
	for _, k := range file.Kubernetes {
		if minorOf(k.Build) != k.Minor {
			return nil, fmt.Errorf("%s is not a patch of %s", k.Build, k.Minor)
		}
		v := Version{Minor: k.Minor, Build: k.Build, Published: k.Published, Components: maps.Clone(file.Components)}
		if v.Published == "" && minorOf(tagOf(kindDefault)) == k.Minor {
			v.Published = kindDefault
		}
		for name, version := range k.Components {
			if _, known := file.Components[name]; !known {
				return nil, fmt.Errorf("%s: there is no component %q", k.Minor, name)
			}
			v.Components[name] = version
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, errors.New("it lists no version")
	}
	return all, nil
}

// Supported lists the supported versions, newest first.
func Supported() []Version {
	all := make([]Version, len(versions()))
	for i, v := range versions() {
		v.Components = maps.Clone(v.Components)
		all[i] = v
	}
	return all
}

// Find gives the supported version that a request means: "1.37" and "" (the
// newest) any patch of a minor, "1.37.2" and "v1.37.2" exactly that patch. The
// error wraps ErrVersion and lists what is supported.
func Find(version string) (Version, error) {
	t, err := findTarget(version)
	return t.Version, err
}

// Patch is the one patch that a version asks for, for instance "v1.37.2" of "1.37.2"; ""
// when any patch of its minor will do, or there is no such version.
func Patch(version string) string {
	t, _ := findTarget(version)
	return t.exact
}

// Covers says whether a server's version, such as v1.37.2 or v1.37.2-gke.1, is of a minor
// that is supported.
func Covers(server string) bool {
	version, _, _ := strings.Cut(server, "-")
	version, _, _ = strings.Cut(version, "+")
	return slices.ContainsFunc(versions(), func(v Version) bool { return v.Minor == minorOf(version) })
}

// target is a supported version and the one patch of it that was asked for.
type target struct {
	Version
	exact string // "" means that any patch will do
}

// allows says whether an image of that Kubernetes version answers the request.
func (t target) allows(version string) bool {
	if t.exact != "" {
		return version == t.exact
	}
	return minorOf(version) == t.Minor
}

var versionPattern = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:\.(\d+))?$`)

func findTarget(version string) (target, error) {
	all := versions()
	version = strings.TrimSpace(version)
	if version == "" {
		return target{Version: all[0]}, nil
	}
	m := versionPattern.FindStringSubmatch(version)
	if m == nil {
		return target{}, fmt.Errorf("%w: %q is not written like 1.37 or 1.37.2; %s", ErrVersion, version, supportedText(all))
	}
	minor := m[1] + "." + m[2]
	for _, v := range all {
		if v.Minor != minor {
			continue
		}
		t := target{Version: v}
		if m[3] == "" {
			return t, nil
		}
		t.exact = "v" + minor + "." + m[3]
		if t.exact != v.Build && t.exact != v.PublishedVersion() {
			return target{}, fmt.Errorf("%w: %s is not among the patches of %s that can be had: %s; ask for %s to get one of these",
				ErrVersion, t.exact, minor, v.patches(), minor)
		}
		return t, nil
	}
	newest, oldest := all[0], all[len(all)-1]
	why := "is not supported"
	switch {
	case compareMinor(minor, newest.Minor) > 0:
		why = "is newer than the newest that is supported"
	case compareMinor(minor, oldest.Minor) < 0:
		why = "is older than the oldest that is supported"
	}
	return target{}, fmt.Errorf("%w: Kubernetes %s %s; %s", ErrVersion, strings.TrimPrefix(version, "v"), why, supportedText(all))
}

func supportedText(all []Version) string {
	lines := make([]string, len(all))
	for i, v := range all {
		lines[i] = v.Minor + ": " + v.patches()
	}
	return "supported are\n  " + strings.Join(lines, "\n  ")
}

// minorOf cuts "1.37" out of "v1.37.2"; it gives "" for anything else.
func minorOf(version string) string {
	m := versionPattern.FindStringSubmatch(version)
	if m == nil {
		return ""
	}
	return m[1] + "." + m[2]
}

// compareMinor orders two minors, each like "1.37".
func compareMinor(a, b string) int {
	number := func(s string) int {
		major, minor, _ := strings.Cut(s, ".")
		x, _ := strconv.Atoi(major)
		y, _ := strconv.Atoi(minor)
		return x*10000 + y
	}
	return number(a) - number(b)
}

// tagOf cuts "v1.37.0" out of "kindest/node:v1.37.0@sha256:…"; it gives ""
// when the reference has no tag.
func tagOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	slash := strings.LastIndex(reference, "/")
	if colon := strings.LastIndex(reference, ":"); colon > slash {
		return reference[colon+1:]
	}
	return ""
}
