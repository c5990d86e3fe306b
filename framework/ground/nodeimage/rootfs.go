package nodeimage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// suite is the Debian release of the node. The systemd of later ones does not
// start on cgroup v1.
const suite = "bookworm"

// rootfsRevision is raised when the code below makes something else of the
// same packages.
const rootfsRevision = 1

// rootfsPart is the name of the part of the cache that makeRootfs makes.
const rootfsPart = "rootfs-" + suite

// Files of the part that makeRootfs makes.
const (
	rootfsFile    = "rootfs.tar"
	proxyBaseFile = "kube-proxy-base.tar"
)

// nodePackages are what kind puts on its node images
// (images/base/Dockerfile of its module), without what serves storage over the
// network, rootless engines or people who debug.
var nodePackages = []string{
	"systemd",
	"conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount", "kmod",
	"libseccomp2", "pigz", "e2fsprogs",
	"bash", "ca-certificates", "jq", "procps",
}

// usualRootfs is what makeRootfs usually takes beside a running Go build.
var usualRootfs = effort{Seconds: 90}

func rootfsKey() string {
	return keyOf(struct {
		Suite, Arch string
		Packages    []string
		Revision    int
	}{suite, runtime.GOARCH, nodePackages, rootfsRevision})
}

// makeRootfs makes the root file system of a node with debootstrap, and leaves
// two archives in dir: the whole, and the part of it that kube-proxy needs.
func makeRootfs(ctx context.Context, dir, log string, doing func(string)) error {
	tree := filepath.Join(dir, "tree")
	args := []string{"debootstrap", "--variant=minbase", "--include=" + strings.Join(nodePackages, ","), suite, tree}
	if mirror := debianMirror("/etc/apt", suite); mirror != "" {
		args = append(args, mirror)
	}
	c := command{args: args, log: log, isolated: true, line: func(line string) {
		if text, isInfo := strings.CutPrefix(line, "I: "); isInfo {
			doing(strings.TrimSuffix(text, "..."))
		}
	}}
	if err := c.run(ctx); err != nil {
		return fmt.Errorf("%w%s", err, debootstrapLog(tree))
	}
	doing("cleaning")
	if err := cleanRootfs(tree); err != nil {
		return fmt.Errorf("cleaning the root file system: %w", err)
	}
	doing("packing")
	if err := packTree(filepath.Join(dir, rootfsFile), tree); err != nil {
		return fmt.Errorf("packing the root file system: %w", err)
	}
	if err := packProxyBase(filepath.Join(dir, proxyBaseFile), tree); err != nil {
		return fmt.Errorf("packing the base of the kube-proxy image: %w", err)
	}
	return os.RemoveAll(tree)
}

// debootstrapLog is the end of what debootstrap keeps in a file of its own,
// where the reason of most failures is.
func debootstrapLog(tree string) string {
	data, err := os.ReadFile(filepath.Join(tree, "debootstrap", "debootstrap.log"))
	if err != nil || len(data) == 0 {
		return ""
	}
	last := &tail{}
	_, _ = last.Write(data)
	last.flush()
	return "\nthe last lines of debootstrap.log:\n  " + strings.ReplaceAll(last.text(), "\n", "\n  ")
}

// cleanRootfs takes out what a node does not need and what systemd should not
// start in a container, the same as kind does.
func cleanRootfs(tree string) error {
	// All of it stays inside the tree, whatever the links in it say.
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	var errs []error
	for _, pattern := range []string{
		"var/cache/apt/*", "var/cache/debconf/*", "var/lib/apt/lists/*", "var/log/*", "tmp/*", "var/tmp/*",
		"usr/share/doc/*", "usr/share/doc-base/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*",
		"usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
		"usr/lib/systemd/system/multi-user.target.wants/*", "etc/systemd/system/*.wants/*",
		"usr/lib/systemd/system/local-fs.target.wants/*", "usr/lib/systemd/system/sockets.target.wants/*udev*",
		"usr/lib/systemd/system/sockets.target.wants/*initctl*", "usr/lib/systemd/system/basic.target.wants/*",
		// These came from this machine.
		"etc/resolv.conf", "etc/hostname", "etc/apt/sources.list",
	} {
		found, err := fs.Glob(root.FS(), pattern)
		errs = append(errs, err)
		for _, name := range found {
			errs = append(errs, root.RemoveAll(name))
		}
	}
	// systemd-binfmt would register handlers with the kernel of the machine.
	errs = append(errs, replaceLink(root, "/dev/null", "etc/systemd/system/systemd-binfmt.service"))
	errs = append(errs, replaceLink(root, "/usr/lib/systemd/systemd", "usr/sbin/init"))
	journald, err := root.OpenFile("etc/systemd/journald.conf", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	// The kernel's messages are those of the machine, not of the node.
	_, err = journald.WriteString("ReadKMsg=no\n")
	return errors.Join(append(errs, err, journald.Close())...)
}

func replaceLink(root *os.Root, target, name string) error {
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	return root.Symlink(target, name)
}

// debianMirror reads from the package manager's configuration where this
// machine gets Debian's main archive. It gives "" when the machine is another
// release or distribution; debootstrap then uses the mirror it knows.
func debianMirror(apt, suite string) string {
	files, _ := filepath.Glob(filepath.Join(apt, "sources.list.d", "*"))
	files = append([]string{filepath.Join(apt, "sources.list")}, files...)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		find := mirrorInList
		if path.Ext(file) == ".sources" {
			find = mirrorInSources
		}
		if mirror := find(string(data), suite); mirror != "" {
			return mirror
		}
	}
	return ""
}

// mirrorInList reads the one-line format of sources.list(5).
func mirrorInList(text, suite string) string {
	for line := range strings.Lines(text) {
		if open, end := strings.Index(line, "["), strings.Index(line, "]"); open >= 0 && end > open {
			line = line[:open] + line[end+1:]
		}
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == "deb" && fields[2] == suite && isWeb(fields[1]) {
			return fields[1]
		}
	}
	return ""
}

// mirrorInSources reads the deb822 format of sources.list(5).
func mirrorInSources(text, suite string) string {
	for stanza := range strings.SplitSeq(text, "\n\n") {
		field := make(map[string][]string)
		for line := range strings.Lines(stanza) {
			if name, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				field[strings.ToLower(strings.TrimSpace(name))] = strings.Fields(value)
			}
		}
		if len(field["uris"]) == 0 || !isWeb(field["uris"][0]) {
			continue
		}
		for _, s := range field["suites"] {
			if s == suite {
				return field["uris"][0]
			}
		}
	}
	return ""
}

func isWeb(uri string) bool {
	return strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://")
}
