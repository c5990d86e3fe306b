package incluster

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
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
// then it is told so.
func HandOver(run, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("hand the results to Sonobuoy: %w", err)
	}
	results := filepath.Join(dir, resultsFile)
	err := replaceFile(results, func(w io.Writer) error { return pack(w, run) })
	if err == nil {
		err = replaceFile(filepath.Join(dir, doneFile), func(w io.Writer) error {
			_, err := io.WriteString(w, results)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("hand the results to Sonobuoy: %w", err)
	}
	return nil
}

// replaceFile writes a file that is whole as soon as it is there: Sonobuoy looks for it
// all the time.
func replaceFile(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".unfinished-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it has been renamed, as it should
	err = errors.Join(write(file), file.Chmod(0o644), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// pack writes the files below a directory as a compressed tar.
func pack(w io.Writer, dir string) error {
	compressed := gzip.NewWriter(w)
	out := tar.NewWriter(compressed)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, "")
		if err != nil {
			return err
		}
		if header.Name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		if err := out.WriteHeader(header); err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(out, file)
		return err
	})
	return errors.Join(err, out.Close(), compressed.Close())
}
