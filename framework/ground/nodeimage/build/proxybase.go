package build

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/podproof/podproof/framework/oci"
)

// proxyPrograms are what kube-proxy calls, and the shell for proxyScript.
var proxyPrograms = []string{
	"usr/sbin/xtables-nft-multi", "usr/sbin/xtables-legacy-multi", "usr/sbin/nft", "usr/bin/dash",
}

// proxyScript starts kube-proxy with the variant of iptables that the kubelet
// of its node uses: the kubelet leaves an empty chain there as a hint for
// exactly this (pkg/kubelet/kubelet_network_linux.go of Kubernetes).
const proxyScript = `#!/bin/sh
variant=nft
if ! iptables-nft -t mangle -n -L KUBE-IPTABLES-HINT >/dev/null 2>&1 &&
   iptables-legacy -t mangle -n -L KUBE-IPTABLES-HINT >/dev/null 2>&1; then
	variant=legacy
fi
PATH=/usr/lib/iptables-$variant:$PATH exec /usr/local/lib/kube-proxy "$@"
`

// packProxyBase archives the programs that kube-proxy calls, and the libraries that they
// load, from a node's file system.
func packProxyBase(file, tree string) error {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer root.Close()
	files, err := withLibraries(root.FS(), proxyPrograms)
	if err != nil {
		return err
	}
	interpreter, err := interpreterOf(root.FS(), proxyPrograms[0])
	if err != nil {
		return err
	}
	return oci.WriteFile(file, func(a *oci.Archive) error {
		// Programs name their interpreter by its old path.
		for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
			if _, err := root.Stat("usr/" + dir); err == nil {
				if err := a.Link(dir, "usr/"+dir); err != nil {
					return err
				}
			}
		}
		for _, name := range files {
			content, err := root.ReadFile(name)
			if err != nil {
				return err
			}
			if err := a.Text(name, 0o755, content); err != nil {
				return err
			}
		}
		return errors.Join(
			a.Link(interpreter.path, "/"+interpreter.file), a.Link("usr/bin/sh", "dash"), addIptablesNames(a))
	})
}

// addIptablesNames writes the names of the two variants of iptables: both side by side,
// and each in a directory of its own.
func addIptablesNames(a *oci.Archive) error {
	var errs []error
	for _, variant := range []string{"nft", "legacy"} {
		program := "/usr/sbin/xtables-" + variant + "-multi"
		for _, family := range []string{"iptables", "ip6tables"} {
			for _, tool := range []string{"", "-save", "-restore"} {
				errs = append(errs,
					a.Link("usr/sbin/"+family+"-"+variant+tool, program),
					a.Link("usr/lib/iptables-"+variant+"/"+family+tool, program))
			}
		}
	}
	return errors.Join(errs...)
}

// withLibraries adds to programs the dynamic linker, the libraries that they load, and the
// extensions that iptables loads itself.
func withLibraries(tree fs.FS, programs []string) ([]string, error) {
	extensions, err := fs.Glob(tree, "usr/lib/*/xtables/*.so")
	if err != nil {
		return nil, err
	}
	linker, err := interpreterOf(tree, programs[0])
	if err != nil {
		return nil, err
	}
	pending := append(append([]string{linker.file}, programs...), extensions...)
	seen := make(map[string]bool)
	var files []string
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		files = append(files, name)
		binary, err := openELF(tree, name)
		if err != nil {
			return nil, err
		}
		libraries, err := binary.ImportedLibraries()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, library := range libraries {
			file, err := findLibrary(tree, library)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			pending = append(pending, file)
		}
	}
	return files, nil
}

// interpreter is the dynamic linker: where programs look for it, and where the
// file is, both without the leading slash.
type interpreter struct{ path, file string }

func interpreterOf(tree fs.FS, program string) (interpreter, error) {
	binary, err := openELF(tree, program)
	if err != nil {
		return interpreter{}, err
	}
	section := binary.Section(".interp")
	if section == nil {
		return interpreter{}, fmt.Errorf("%s names no dynamic linker", program)
	}
	data, err := section.Data()
	if err != nil {
		return interpreter{}, err
	}
	named := strings.TrimLeft(strings.TrimRight(string(data), "\x00"), "/")
	if !strings.HasPrefix(named, "usr/") {
		named = path.Join("usr", named)
	}
	file, err := findLibrary(tree, path.Base(named))
	return interpreter{named, file}, err
}

func findLibrary(tree fs.FS, name string) (string, error) {
	matches, err := fs.Glob(tree, "usr/lib/*/"+name)
	if err != nil {
		return "", err
	}
	if len(matches) == 0 {
		return "", fmt.Errorf("the library %s is not in the file system", name)
	}
	return matches[0], nil
}

// openELF reads a program or library whole; the largest is libc's two megabytes.
func openELF(tree fs.FS, name string) (*elf.File, error) {
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	binary, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return binary, nil
}
