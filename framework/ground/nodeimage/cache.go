package nodeimage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cache keeps finished parts of a build, each under a key made of all that went
// into it:
//
//	DIR/parts/NAME-KEY/   a finished part
//	DIR/work/             what is being made; worthless after an interrupt
//	DIR/logs/NAME.log     the output of the programs that made it
//
// A part is made in work and renamed when it is complete, so that it is either
// there as a whole or not at all. The caller holds the lock of the directory.
type cache struct{ dir string }

func newCache(dir string) cache { return cache{filepath.Join(dir, "nodeimage")} }

func (c cache) work() string               { return filepath.Join(c.dir, "work") }
func (c cache) log(name string) string     { return filepath.Join(c.dir, "logs", name+".log") }
func (c cache) part(name, k string) string { return filepath.Join(c.dir, "parts", name+"-"+k) }

// clear removes what an interrupted build left behind.
func (c cache) clear() error {
	for _, dir := range []string{c.work(), filepath.Join(c.dir, "logs")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return os.MkdirAll(c.work(), 0o755)
}

// has says whether the part is there.
func (c cache) has(name, key string) bool {
	info, err := os.Stat(c.part(name, key))
	return err == nil && info.IsDir()
}

// fill gives the directory of a part, which create makes when it is not there.
// Older versions of the part, of which name is the same and the key another,
// are removed once the new one is complete.
func (c cache) fill(name, key string, create func(dir string) error) (string, error) {
	part := c.part(name, key)
	if c.has(name, key) {
		return part, nil
	}
	if err := os.MkdirAll(c.work(), 0o755); err != nil {
		return "", err
	}
	temporary, err := os.MkdirTemp(c.work(), name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temporary)
	if err := os.Chmod(temporary, 0o755); err != nil {
		return "", err
	}
	if err := create(temporary); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(part), 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(temporary, part); err != nil {
		return "", err
	}
	return part, c.removeOthers(name, key)
}

func (c cache) removeOthers(name, key string) error {
	return c.remove(func(otherName, otherKey string) bool { return otherName == name && otherKey != key })
}

// keep removes the parts of other names, which an older list of versions left.
func (c cache) keep(names map[string]bool) error {
	return c.remove(func(name, _ string) bool { return !names[name] })
}

func (c cache) remove(which func(name, key string) bool) error {
	parts := filepath.Join(c.dir, "parts")
	entries, err := os.ReadDir(parts)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		if end := len(name) - keyLength - 1; end > 0 && which(name[:end], name[end+1:]) {
			errs = append(errs, os.RemoveAll(filepath.Join(parts, name)))
		}
	}
	return errors.Join(errs...)
}

// keyLength is the length in hexadecimal digits of the hashes in names.
const keyLength = 12

// keyOf hashes all inputs of a part, or of the whole image, to a short key.
func keyOf(inputs any) string {
	data, err := json.Marshal(inputs)
	if err != nil {
		panic(fmt.Sprintf("nodeimage: inputs of a part cannot be written down: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:keyLength]
}

// writeFileAtomic replaces a file as a whole.
func writeFileAtomic(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(data)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
