package build

import (
	"context"
	"io"
	"path/filepath"

	"github.com/podproof/podproof/framework/ground/component"
	"github.com/podproof/podproof/framework/ground/process"
	"github.com/podproof/podproof/framework/oci"
	"github.com/podproof/podproof/framework/progress"
)

// Steps after all parts are made, and their usual effort.
const (
	stepControlPlane = "pack the control plane's images"
	stepLoad         = "load the node image into the engine"
)

var (
	usualControlPlane = effort{Seconds: 10}
	usualLoad         = effort{Seconds: 12}
)

// assemble puts the parts together and gives the image to the engine.
func (b *builder) assemble(ctx context.Context) error {
	store := filepath.Join(b.cache.Work(), "containerd")
	err := b.step(ctx, b.packing, func(progress.Step) (string, error) { return "", b.packControlPlane(ctx, store) })
	if err != nil {
		return err
	}
	return b.step(ctx, b.loading, func(progress.Step) (string, error) {
		if err := b.load(ctx, store); err != nil {
			return "", err
		}
		return Reference(b.version), nil
	})
}

// packControlPlane makes the images of the control plane and imports them into the store
// that goes onto the node.
func (b *builder) packControlPlane(ctx context.Context, store string) error {
	kubernetes := b.parts["kubernetes"]
	pauseReference, err := pauseImage(b.kindDir)
	if err != nil {
		return err
	}
	module, err := b.goTool.Download(ctx, "k8s.io/kubernetes", b.version.Build)
	if err != nil {
		return err
	}
	pause := filepath.Join(b.cache.Work(), "pause")
	if err := component.BuildPause(ctx, module.Dir, pause, b.cache.Log("pause")); err != nil {
		return err
	}
	programs := map[string]program{
		"kube-proxy": {
			file: filepath.Join(kubernetes, "kube-proxy"), path: "/usr/local/bin/kube-proxy",
			base: filepath.Join(b.rootfs, proxyBaseFile),
		},
		"etcd":    {file: filepath.Join(b.parts["etcd"], "etcd"), path: "/usr/local/bin/etcd"},
		"coredns": {file: filepath.Join(b.parts["coredns"], "coredns"), path: "/coredns"},
		"pause":   {file: pause, path: "/pause"},
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		programs[name] = program{file: filepath.Join(kubernetes, name), path: "/usr/local/bin/" + name}
	}
	images, err := controlPlaneImages(ctx, filepath.Join(kubernetes, "kubeadm"), b.version.Build, pauseReference, programs)
	if err != nil {
		return err
	}
	archive := filepath.Join(b.cache.Work(), "images.tar")
	if err := writeImages(archive, b.cache.Work(), images); err != nil {
		return err
	}
	return fillImageStore(ctx, b.parts["containerd"], archive, store, b.cache.Log("image-store"))
}

// load writes the layers and streams the whole image to the engine.
func (b *builder) load(ctx context.Context, store string) error {
	work := b.cache.Work()
	layers := []string{
		filepath.Join(b.rootfs, rootfsFile), filepath.Join(work, "runtime.tar"), filepath.Join(work, "kubernetes.tar"),
	}
	if err := writeRuntimeLayer(ctx, layers[1], b.kindDir, b.parts); err != nil {
		return err
	}
	if err := writeKubernetesLayer(layers[2], b.version.Build, b.parts["kubernetes"], store); err != nil {
		return err
	}
	reader, writer := io.Pipe()
	go func() {
		writer.CloseWithError(oci.Save(writer, Reference(b.version), nodeConfig(b.version.Build, recipe(b.version)), layers))
	}()
	defer reader.Close()
	load := b.engine.Command(ctx, "load")
	load.Stdin = reader
	if output, err := load.CombinedOutput(); err != nil {
		return process.Failure(ctx, load, err, output)
	}
	return nil
}
