package nodeimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writeRuntimeLayer writes what every Kubernetes version shares: the container
// runtime, the network plugins and kind's own files.
func writeRuntimeLayer(ctx context.Context, file, kindDir string, parts map[string]string) error {
	spec, err := baseSpec(ctx, filepath.Join(parts["containerd"], "ctr"))
	if err != nil {
		return err
	}
	return writeArchive(file, func(a *archive) error {
		errs := []error{
			addKindFiles(a, kindDir),
			a.text("etc/containerd/cri-base.json", 0o644, spec),
			a.copy("usr/local/sbin/runc", 0o755, filepath.Join(parts["runc"], "runc")),
		}
		for _, name := range []string{"containerd", "ctr", "containerd-shim-runc-v2"} {
			errs = append(errs, a.copy("usr/local/bin/"+name, 0o755, filepath.Join(parts["containerd"], name)))
		}
		return errors.Join(append(errs, a.tree("opt/cni/bin", parts["cni-plugins"]))...)
	})
}

// baseSpec is what every container on the node starts from: containerd's default,
// without limits on resources. kind's Dockerfile makes it in the same way, and adds a
// hook that shows each container its own copy of the machine's product files. That
// hook is left out: no claim looks at them, and its shell script took more of the
// machine than many a container that it ran for.
func baseSpec(ctx context.Context, ctr string) ([]byte, error) {
	out, err := command{args: []string{ctr, "oci", "spec"}}.output(ctx)
	if err != nil {
		return nil, err
	}
	return editSpec([]byte(out))
}

func editSpec(data []byte) ([]byte, error) {
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		return nil, fmt.Errorf("ctr oci spec: %w", err)
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("ctr oci spec: there is no process in what it says")
	}
	delete(process, "rlimits")
	return json.MarshalIndent(spec, "", "  ")
}

// writeKubernetesLayer writes what is of one Kubernetes version: the programs
// on the node and the store with the images of the control plane.
func writeKubernetesLayer(file, version, bin, store string) error {
	return writeArchive(file, func(a *archive) error {
		// kind compares this text as a whole, so there is no newline.
		errs := []error{a.text("kind/version", 0o644, []byte(version))}
		for _, name := range []string{"kubelet", "kubeadm", "kubectl"} {
			errs = append(errs, a.copy("usr/bin/"+name, 0o755, filepath.Join(bin, name)))
		}
		for _, dir := range []string{"io.containerd.content.v1.content", "io.containerd.metadata.v1.bolt"} {
			errs = append(errs, a.tree("var/lib/containerd/"+dir, filepath.Join(store, dir)))
		}
		return errors.Join(errs...)
	})
}

// nodeConfig is the configuration of the node image. systemd must know that it
// runs in a container, and ends on a signal of its own
// (https://systemd.io/CONTAINER_INTERFACE/).
func nodeConfig(version, recipe string) v1.Config {
	return v1.Config{
		Env:        []string{"container=docker", "PATH=" + systemPath},
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		StopSignal: "SIGRTMIN+3",
		Labels:     map[string]string{"podproof.kubernetes": version, "podproof.recipe": recipe},
	}
}

// writeImage writes an image, with its layers as they are, in the format of
// `docker save` that every engine loads.
func writeImage(w io.Writer, reference string, config v1.Config, layers []string) error {
	file := v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, Created: v1.Time{Time: time.Now().UTC()},
		Config: config, RootFS: v1.RootFS{Type: "layers"},
	}
	var names []string
	for _, layer := range layers {
		sum, err := hashFile(layer)
		if err != nil {
			return err
		}
		file.RootFS.DiffIDs = append(file.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: sum})
		file.History = append(file.History, v1.History{CreatedBy: "podproof"})
		names = append(names, sum+"/layer.tar")
	}
	configJSON, err := json.Marshal(file)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(configJSON)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{reference}, "Layers": names}})
	if err != nil {
		return err
	}
	a := newArchive(w)
	for i, layer := range layers {
		if err := a.copy(names[i], 0o644, layer); err != nil {
			return err
		}
	}
	return errors.Join(a.text(configName, 0o644, configJSON), a.text("manifest.json", 0o644, manifest), a.close())
}

func hashFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
