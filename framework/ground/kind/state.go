package kind

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// The files in the directory of a cluster. As long as a process works on the
// cluster it holds the lock; whoever removes the directory does so while holding
// it.
const (
	lockFile       = "lock"
	stateFile      = "kept.json"
	kubeconfigFile = "kubeconfig"
	ownerDir       = "owner" // mounted into the nodes, empty
)

// state is what is written down about a cluster that is kept.
type state struct {
	NodeImage string `json:"nodeImage"` // its ID, not a name that can move
	Workers   int    `json:"workers"`
	Reserves  bool   `json:"reserves"` // one of its workers is reserved
}

func writeState(dir string, s state) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stateFile), content, 0o644)
}

// readState returns nil when no cluster was kept, or what was written about it
// cannot be read.
func readState(dir string) *state {
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil
	}
	var s state
	if json.Unmarshal(content, &s) != nil {
		return nil
	}
	return &s
}

func forgetState(dir string) error {
	err := os.Remove(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// emptyDir removes all from the directory of a cluster but its lock.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == lockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
