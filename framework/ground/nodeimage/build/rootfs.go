package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/podproof/podproof/framework/ground/debian"
	"github.com/podproof/podproof/framework/ground/parts"
	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/oci"
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

// nodePackages are the packages on kind's node images (images/base/Dockerfile of its
// module), without those for network storage, rootless engines and debugging.
var nodePackages = []string{
	"systemd",
	"conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux", "mount", "kmod",
	"libseccomp2", "pigz", "e2fsprogs",
	"bash", "ca-certificates", "jq", "procps",
}

// usualRootfs is the time that makeRootfs takes beside a running Go build.
var usualRootfs = effort{Seconds: 90}

func rootfsKey() string {
	return parts.Key(struct {
		Suite, Arch string
		Packages    []string
		Revision    int
	}{suite, runtime.GOARCH, nodePackages, rootfsRevision})
}

// makeRootfs makes the root file system of a node with debootstrap, and leaves two
// archives in dir: the whole, and the part that kube-proxy needs.
func makeRootfs(ctx context.Context, dir, log string, doing func(string)) error {
	tree := filepath.Join(dir, "tree")
	args := []string{"debootstrap", "--variant=minbase", "--include=" + strings.Join(nodePackages, ","), suite, tree}
	if mirror := debian.Mirror("/etc/apt", suite); mirror != "" {
		args = append(args, mirror)
	}
	c := process.Command{Args: args, Log: log, Isolated: true, Line: func(line string) {
		if text, isInfo := strings.CutPrefix(line, "I: "); isInfo {
			doing(strings.TrimSuffix(text, "..."))
		}
	}}
	if err := c.Run(ctx); err != nil {
		return fmt.Errorf("%w%s", err, debootstrapLog(tree))
	}
	doing("cleaning")
	if err := cleanRootfs(tree); err != nil {
		return fmt.Errorf("cleaning the root file system: %w", err)
	}
	doing("packing")
	if err := oci.PackTree(filepath.Join(dir, rootfsFile), tree); err != nil {
		return fmt.Errorf("packing the root file system: %w", err)
	}
	if err := packProxyBase(filepath.Join(dir, proxyBaseFile), tree); err != nil {
		return fmt.Errorf("packing the base of the kube-proxy image: %w", err)
	}
	return os.RemoveAll(tree)
}

// debootstrapLog is the end of debootstrap's own log file, which has the reason of most
// failures.
func debootstrapLog(tree string) string {
	data, err := os.ReadFile(filepath.Join(tree, "debootstrap", "debootstrap.log"))
	if err != nil || len(data) == 0 {
		return ""
	}
	return "\nthe last lines of debootstrap.log:\n  " + strings.ReplaceAll(process.LastLines(data, 15), "\n", "\n  ")
}

// cleanRootfs removes what a node does not need, and what systemd should not start in a
// container, as kind does.
func cleanRootfs(tree string) error {
	// A root stays inside the tree, wherever the links in it point.
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
