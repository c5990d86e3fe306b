package witness

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Named checks the reference under which a cluster can pull the witness, and finds the one
// of its twin, which is the same with "-b" after the tag unless it is given. Without a
// reference there is neither.
func Named(reference, twin string) (witness, itsTwin string, err error) {
	if reference == "" {
		return "", "", nil
	}
	if err := checkReference(reference); err != nil {
		return "", "", fmt.Errorf("witness: %w", err)
	}
	if twin == "" {
		if strings.Contains(reference, "@") {
			return "", "", fmt.Errorf("witness: the twin of %s cannot be told from its digest; give it with --witness-twin", reference)
		}
		twin = reference + twinSuffix
	}
	if err := checkReference(twin); err != nil {
		return "", "", fmt.Errorf("witness-twin: %w", err)
	}
	if twin == reference {
		return "", "", fmt.Errorf("witness-twin: it is the witness itself, but specs change a container from one image to the other")
	}
	return reference, twin, nil
}

// checkReference refuses what would be pulled for every container.
// https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
func checkReference(reference string) error {
	parsed, err := name.ParseReference(reference, name.WeakValidation)
	if err != nil {
		return fmt.Errorf("%q is no image reference: %w", reference, err)
	}
	if parsed.Identifier() == name.DefaultTag {
		return fmt.Errorf("%q has no tag but latest, with which the kubelet would pull it for every container; give it another", reference)
	}
	return nil
}

// Untagged is a reference without its tag and digest.
func Untagged(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	// The host may have a port.
	if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		return reference[:colon]
	}
	return reference
}
