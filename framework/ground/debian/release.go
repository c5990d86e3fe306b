package debian

import (
	"slices"
	"strings"
)

// IsFamily tells from the text of /etc/os-release whether the system is Debian, Ubuntu
// or made from one of them.
// https://www.freedesktop.org/software/systemd/man/latest/os-release.html
func IsFamily(osRelease string) bool {
	var families []string
	for line := range strings.Lines(osRelease) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if key == "ID" || key == "ID_LIKE" {
			families = append(families, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	return slices.Contains(families, "debian") || slices.Contains(families, "ubuntu")
}
