package witnessimage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Named checks the references under which a cluster can pull the witness and its twin. A
// twin that is not given has the reference of the witness with "-b" after the tag. Without
// a reference there is neither.
func Named(reference, twin string) (witness, itsTwin string, err error) {
	if reference == "" {
		return "", "", nil
	}
	if err := checkReference(reference); err != nil {
		return "", "", fmt.Errorf("witness: %w", err)
	}
	if twin == "" {
		if strings.Contains(reference, "@") {
			return "", "", fmt.Errorf("witness: %s has a digest, so the reference of the twin is unknown; give it with --witness-twin", reference)
		}
		twin = reference + twinSuffix
	}
	if err := checkReference(twin); err != nil {
		return "", "", fmt.Errorf("witness-twin: %w", err)
	}
	if twin == reference {
		return "", "", errors.New("witness-twin: it is the witness itself, but specs change a container from one image to the other")
	}
	return reference, twin, nil
}

// checkReference refuses an image that would be pulled for every container.
// https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting
func checkReference(reference string) error {
	parsed, err := name.ParseReference(reference, name.WeakValidation)
	if err != nil {
		return fmt.Errorf("%q is no image reference: %w", reference, err)
	}
	if parsed.Identifier() == name.DefaultTag {
		return fmt.Errorf("%q has the tag latest, with which the kubelet pulls it for every container; give it another", reference)
	}
	return nil
}
