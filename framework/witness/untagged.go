package witness

import "strings"

// Untagged is a reference without its tag and digest.
func Untagged(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	// The host may have a port.
	if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		return reference[:colon]
	}
	return reference
}
