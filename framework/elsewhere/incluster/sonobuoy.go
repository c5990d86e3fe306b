package incluster

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/podproof/podproof/reports"
)

// What Sonobuoy and its plugins agree on: a plugin leaves its results in a directory that
// they share, and then a file there that has the path of the results and nothing else.
// https://github.com/vmware-tanzu/sonobuoy/blob/main/site/content/docs/main/plugins.md
const (
	resultsVariable = "SONOBUOY_RESULTS_DIR"
	resultsDir      = "/tmp/sonobuoy/results"
	doneFile        = "done"
	// resultsFile tells Sonobuoy by its ending what it is: all after the first dot of
	// the path counts.
	resultsFile = "podproof.tar.gz"
)

// Plugin is podproof as a plugin of Sonobuoy: the definition for `sonobuoy run --plugin`.
// It runs with the rights of Sonobuoy's own service account.
func Plugin(image string, args []string) ([]byte, error) {
	container := corev1.Container{
		Name:         "plugin",
		Image:        image,
		Args:         append([]string{"run", "--in-cluster", "--sonobuoy"}, args...),
		Resources:    needs(),
		VolumeMounts: []corev1.VolumeMount{{Name: "results", MountPath: resultsDir}},
	}
	return yaml.Marshal(map[string]any{
		"sonobuoy-config": map[string]string{
			"driver":        "Job",
			"plugin-name":   "podproof",
			"result-format": "junit",
			"description":   "Proves on real pods that the cluster treats Pods as documented.",
		},
		"spec": container,
	})
}

// ResultsDir is where Sonobuoy waits for the results.
func ResultsDir() string {
	if dir := os.Getenv(resultsVariable); dir != "" {
		return dir
	}
	return resultsDir
}

// HandOver gives Sonobuoy the files of a run: they are packed into its directory, and
// then it is told so. Sonobuoy looks for the second file all the time, so it is whole as
// soon as it is there.
func HandOver(run, dir string) error {
	packed, err := pack(run)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	results := filepath.Join(dir, resultsFile)
	if err == nil {
		err = reports.WriteFile(results, packed)
	}
	if err == nil {
		err = reports.WriteFile(filepath.Join(dir, doneFile), []byte(results))
	}
	if err != nil {
		return fmt.Errorf("hand the results to Sonobuoy: %w", err)
	}
	return nil
}

// pack makes a compressed tar of the files below a directory, without links.
func pack(dir string) ([]byte, error) {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	out := tar.NewWriter(compressed)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = out.Write(content)
		return err
	})
	err = errors.Join(err, out.Close(), compressed.Close())
	return packed.Bytes(), err
}
