package build

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	kindversion "sigs.k8s.io/kind/pkg/cmd/kind/version"

	"github.com/podproof/podproof/framework/oci"
)

// kindModule carries the files of a node in images/base/files.
const kindModule = "sigs.k8s.io/kind"

// kindVersion is the version of kind in this program. kind's library and the files on the
// node belong together.
func kindVersion() string { return "v" + kindversion.Version() }

// storageManifest is the default storage class that kind creates in a new cluster. kind's
// own class has a provisioner, which runs as a pod of an image in a registry. Claims about
// pods need no dynamic volumes, so this class has no provisioner.
const storageManifest = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
`

// enabledUnits are the systemd units that kind enables on its images.
var enabledUnits = []string{"kubelet.service", "containerd.service", "undo-mount-hacks.service"}

// addKindFiles writes kind's files of a node, which are in its module, with the modes that
// its Dockerfile gives them.
func addKindFiles(a *oci.Archive, module string) error {
	files := filepath.Join(module, "images", "base", "files")
	err := filepath.WalkDir(files, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(files, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		mode := int64(0o644)
		if dir := path.Dir(name); dir == "usr/local/bin" || dir == "kind/bin" {
			mode = 0o755
		}
		return a.Copy(name, mode, file)
	})
	if err != nil {
		return fmt.Errorf("kind's files of a node: %w", err)
	}
	for _, unit := range enabledUnits {
		if err := enableUnit(a, files, unit); err != nil {
			return fmt.Errorf("kind's files of a node: %w", err)
		}
	}
	if err := a.Dir("etc/kubernetes/manifests"); err != nil {
		return err
	}
	return a.Text("kind/manifests/default-storage.yaml", 0o644, []byte(storageManifest))
}

var wantedBy = regexp.MustCompile(`(?m)^WantedBy=(\S+)$`)

// enableUnit writes the link that `systemctl enable` makes.
func enableUnit(a *oci.Archive, files, unit string) error {
	const units = "etc/systemd/system"
	content, err := os.ReadFile(filepath.Join(files, units, unit))
	if err != nil {
		return err
	}
	m := wantedBy.FindSubmatch(content)
	if m == nil {
		return fmt.Errorf("%s has no WantedBy", unit)
	}
	return a.Link(path.Join(units, string(m[1])+".wants", unit), path.Join("/", units, unit))
}

var sandboxImage = regexp.MustCompile(`(?m)^\s*sandbox_image\s*=\s*"([^"]+)"`)

// pauseImage is the image of a pod's sandbox, as kind configures containerd.
func pauseImage(module string) (string, error) {
	file := filepath.Join(module, "images", "base", "files", "etc", "containerd", "config.toml")
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	m := sandboxImage.FindSubmatch(content)
	if m == nil {
		return "", fmt.Errorf("%s names no sandbox_image", strings.TrimPrefix(file, module))
	}
	return string(m[1]), nil
}
