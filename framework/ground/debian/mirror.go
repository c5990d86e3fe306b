package debian

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Mirror reads from the configuration of apt, usually in /etc/apt, where this machine
// gets a release of Debian. It is "" when the machine is another release or
// distribution.
func Mirror(apt, release string) string {
	files, _ := filepath.Glob(filepath.Join(apt, "sources.list.d", "*"))
	files = append([]string{filepath.Join(apt, "sources.list")}, files...)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		find := mirrorInList
		if filepath.Ext(file) == ".sources" {
			find = mirrorInSources
		}
		if mirror := find(string(data), release); mirror != "" {
			return mirror
		}
	}
	return ""
}

// mirrorInList reads the one-line format of sources.list(5).
func mirrorInList(text, release string) string {
	for line := range strings.Lines(text) {
		if open, end := strings.Index(line, "["), strings.Index(line, "]"); open >= 0 && end > open {
			line = line[:open] + line[end+1:]
		}
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == "deb" && fields[2] == release && isWeb(fields[1]) {
			return fields[1]
		}
	}
	return ""
}

// mirrorInSources reads the deb822 format of sources.list(5).
func mirrorInSources(text, release string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		field := make(map[string][]string)
		for line := range strings.Lines(stanza) {
			if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				field[strings.ToLower(strings.TrimSpace(name))] = strings.Fields(value)
			}
		}
		if len(field["uris"]) > 0 && isWeb(field["uris"][0]) && slices.Contains(field["suites"], release) {
			return field["uris"][0]
		}
	}
	return ""
}

func isWeb(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")
}
