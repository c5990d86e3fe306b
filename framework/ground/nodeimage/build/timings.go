package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2"
)

// timings keeps the effort of each step in earlier builds, in a file.
type timings struct {
	mu   sync.Mutex
	file string
	took map[string]effort
}

func loadTimings(dir string) *timings {
	t := &timings{file: filepath.Join(dir, "timings.json"), took: make(map[string]effort)}
	if data, err := os.ReadFile(t.file); err == nil {
		// Without the file the estimates are only worse.
		if json.Unmarshal(data, &t.took) != nil || t.took == nil {
			t.took = make(map[string]effort)
		}
	}
	return t
}

// estimate is the effort of the step in an earlier build, or else the usual one.
func (t *timings) estimate(key string, usual effort) effort {
	t.mu.Lock()
	defer t.mu.Unlock()
	if took, known := t.took[key]; known {
		return took
	}
	return usual
}

// record keeps the effort of a step, unless the step compiled many fewer packages than
// usual: then linking would count for too much.
func (t *timings) record(key string, took, estimate effort) error {
	if estimate.Packages > 2*took.Packages {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[key] = took
	data, err := json.MarshalIndent(t.took, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(t.file), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(t.file, append(data, '\n'), 0o644)
}
