package onmutants

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podproof/podproof/fixtures/claims"
	"github.com/podproof/podproof/fixtures/mutants"
	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/options"
)

// Filter selects mutants.
type Filter struct {
	Mutants   string // IDs and patterns, with commas between; empty is all
	Component string // only those of this component
	Every     int    // a sample: only every so many-th of those that the others select
}

// Choose gives the mutants that the filter and the profile select. Its errors are
// UsageErrors.
func (f Filter) Choose(profile string) ([]mutants.Mutant, error) {
	chosen, err := mutants.Match([]string{f.Mutants})
	if err != nil {
		return nil, options.Usagef("%v", err)
	}
	if f.Component != "" && !slices.Contains(mutants.Components(), f.Component) {
		return nil, options.Usagef("component %q is unknown; the components are %s", f.Component, strings.Join(mutants.Components(), ", "))
	}
	if f.Every < 1 {
		return nil, options.Usagef("--every=%d selects nothing: 1 is every mutant, 8 every eighth", f.Every)
	}
	chosen = slices.DeleteFunc(chosen, func(m mutants.Mutant) bool {
		_, needs := focusOf(m, false)
		return f.Component != "" && m.Component != f.Component || profile == options.Quick && needs != options.Quick
	})
	n := 0
	chosen = slices.DeleteFunc(chosen, func(mutants.Mutant) bool { n++; return n%f.Every != 0 })
	if len(chosen) == 0 {
		return nil, options.Usagef("no mutant is selected by all of --mutant, --component, --profile and --every")
	}
	return chosen, nil
}

// words says in words what the filter and the profile select by.
func (f Filter) words(profile string) []string {
	var filters []string
	if f.Mutants != "" {
		filters = append(filters, "mutants "+f.Mutants)
	}
	if f.Component != "" {
		filters = append(filters, "component "+f.Component)
	}
	if profile == options.Quick {
		filters = append(filters, "claims that are all quick")
	}
	if f.Every > 1 {
		filters = append(filters, fmt.Sprintf("number %d, %d, %d and so on of these", f.Every, 2*f.Every, 3*f.Every))
	}
	return filters
}

// Version is the exact version of the cluster for mutants. They are made from the
// sources of the node image that podproof builds: in one that kind has published the
// container runtime is another, and a claim could turn red for that.
func Version(o options.Options) (string, error) {
	if o.NodeImage != "" {
		return o.Kubernetes, nil
	}
	v, err := versions.Find(o.Kubernetes)
	if err != nil {
		return "", options.Usagef("%v", err)
	}
	if asked := versions.Patch(o.Kubernetes); asked != "" && asked != v.Build {
		return "", options.Usagef("mutants are made from sources, and of Kubernetes %s those of %s are had; ask for %s, or name a node image", v.Minor, v.Build, v.Minor)
	}
	return v.Build, nil
}

// quickOf gives those of the claims, and of the claims that laws among them speak for,
// that are quick. When none is, it gives none, which are all quick ones: the others take
// up to a quarter of an hour, and whether the cluster is whole again any claim can tell.
func quickOf(concerned []string) []string {
	focus, _ := focusOf(mutants.Mutant{Claims: concerned}, false)
	return slices.DeleteFunc(focus, func(id string) bool {
		c, err := claims.Find(id)
		return err != nil || c.Profile == claims.Full
	})
}

// focusOf gives the claims whose specs show the mutant, and their profile. A law is
// seen on the pods of any spec, most likely on those of the claims that it speaks for, or
// that the mutant names for their pods. No claims are all quick ones.
func focusOf(m mutants.Mutant, all bool) (focus []string, profile string) {
	profile = options.Quick
	for _, id := range slices.Concat(m.Claims, m.Pods) {
		c, err := claims.Find(id)
		if err != nil {
			continue // a test sees to that
		}
		if c.Profile == claims.Full {
			profile = options.Full
		}
		ids := []string{c.ID}
		if c.Law {
			ids = c.SpeaksFor
		}
		for _, id := range ids {
			if !slices.Contains(focus, id) {
				focus = append(focus, id)
			}
		}
	}
	if all && profile == options.Quick {
		focus = nil
	}
	return focus, profile
}
