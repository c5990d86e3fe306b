package page

import (
	"fmt"
	"strconv"
	"strings"
)

// newestDocumented is the minor of Kubernetes 1 that kubernetes.io documents itself.
// It also keeps the documentation of the four minors before, each at an address of
// its own (https://kubernetes.io/docs/home/supported-doc-versions/).
const (
	newestDocumented = 37
	keptDocumented   = 4
)

// documentationFor turns the address of a page of kubernetes.io into that of the
// documentation of the server's version, such as "v1.36.3". Addresses of other pages,
// and of versions that are not kept, stay as they are.
func documentationFor(url, server string) string {
	path, isPage := strings.CutPrefix(url, "https://kubernetes.io/docs/")
	parts := strings.Split(strings.TrimPrefix(server, "v"), ".")
	if !isPage || len(parts) < 2 || parts[0] != "1" {
		return url
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil || minor >= newestDocumented || minor < newestDocumented-keptDocumented {
		return url
	}
	return fmt.Sprintf("https://v1-%d.docs.kubernetes.io/docs/%s", minor, path)
}
