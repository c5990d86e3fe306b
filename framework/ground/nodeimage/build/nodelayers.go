package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/oci"
)

// writeRuntimeLayer writes what all Kubernetes versions share: the container runtime,
// the network plugins and kind's own files.
func writeRuntimeLayer(ctx context.Context, file, kindDir string, parts map[string]string) error {
	spec, err := baseSpec(ctx, filepath.Join(parts["containerd"], "ctr"))
	if err != nil {
		return err
	}
	return oci.WriteFile(file, func(a *oci.Archive) error {
		errs := []error{
			addKindFiles(a, kindDir),
			a.Text("etc/containerd/cri-base.json", 0o644, spec),
			a.Copy("usr/local/sbin/runc", 0o755, filepath.Join(parts["runc"], "runc")),
		}
		for _, name := range []string{"containerd", "ctr", "containerd-shim-runc-v2"} {
			errs = append(errs, a.Copy("usr/local/bin/"+name, 0o755, filepath.Join(parts["containerd"], name)))
		}
		return errors.Join(append(errs, a.Tree("opt/cni/bin", parts["cni-plugins"]))...)
	})
}

// baseSpec is what every container on the node starts from: containerd's default,
// without limits on resources. kind's Dockerfile makes it in the same way, and adds a
// hook that shows each container its own copy of the machine's product files. The hook
// is left out: no claim looks at these files, and its shell script costs more than many
// a container.
func baseSpec(ctx context.Context, ctr string) ([]byte, error) {
	out, err := process.Command{Args: []string{ctr, "oci", "spec"}}.Output(ctx)
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
	program, ok := spec["process"].(map[string]any)
	if !ok {
		return nil, errors.New("ctr oci spec: its output has no process")
	}
	delete(program, "rlimits")
	return json.MarshalIndent(spec, "", "  ")
}

// writeKubernetesLayer writes what belongs to one Kubernetes version: the programs on
// the node and the store with the images of the control plane.
func writeKubernetesLayer(file, version, bin, store string) error {
	return oci.WriteFile(file, func(a *oci.Archive) error {
		// kind compares this text as a whole, so there is no newline.
		errs := []error{a.Text("kind/version", 0o644, []byte(version))}
		for _, name := range []string{"kubelet", "kubeadm", "kubectl"} {
			errs = append(errs, a.Copy("usr/bin/"+name, 0o755, filepath.Join(bin, name)))
		}
		for _, dir := range []string{"io.containerd.content.v1.content", "io.containerd.metadata.v1.bolt"} {
			errs = append(errs, a.Tree("var/lib/containerd/"+dir, filepath.Join(store, dir)))
		}
		return errors.Join(errs...)
	})
}

// nodeConfig is the configuration of the node image. systemd must know that it
// runs in a container, and ends on a signal of its own
// (https://systemd.io/CONTAINER_INTERFACE/).
func nodeConfig(version, recipe string) v1.Config {
	return v1.Config{
		Env:        []string{"container=docker", "PATH=" + oci.SystemPath},
		Entrypoint: []string{"/usr/local/bin/entrypoint", "/sbin/init"},
		StopSignal: "SIGRTMIN+3",
		Labels:     map[string]string{"podproof.kubernetes": version, "podproof.recipe": recipe},
	}
}
