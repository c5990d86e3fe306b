package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Save writes an image of uncompressed layers, each an archive in a file, in the format
// of `docker save`, which every engine loads. It streams the layers as they are: the
// tarball package of go-containerregistry would read each of them once more, to learn
// the digest of its compressed form.
func Save(w io.Writer, reference string, settings v1.Config, layers []string) error {
	config := v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, Created: v1.Time{Time: time.Now().UTC()},
		Config: settings, RootFS: v1.RootFS{Type: "layers"},
	}
	var names []string
	for _, layer := range layers {
		sum, err := hashFile(layer)
		if err != nil {
			return err
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: sum})
		config.History = append(config.History, v1.History{CreatedBy: "podproof"})
		names = append(names, sum+"/layer.tar")
	}
	configJSON, err := json.Marshal(config)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(configJSON)
	configName := hex.EncodeToString(sum[:]) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{reference}, "Layers": names}})
	if err != nil {
		return err
	}
	a := NewArchive(w)
	for i, layer := range layers {
		if err := a.Copy(names[i], 0o644, layer); err != nil {
			return err
		}
	}
	return errors.Join(a.Text(configName, 0o644, configJSON), a.Text("manifest.json", 0o644, manifest), a.Close())
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
