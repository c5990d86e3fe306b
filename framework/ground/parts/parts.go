// Package parts keeps the finished parts of a build, so that each is made once.
package parts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Cache keeps finished parts, each under a key made of all that went into it:
//
//	DIR/parts/NAME-KEY/   a finished part
//	DIR/work/             unfinished parts; worthless after an interrupt
//	DIR/logs/NAME.log     the output of the programs that made a part
//
// A part is made in work and renamed when it is complete, so that it is there as a
// whole or not at all. The caller holds a lock on the directory.
type Cache struct{ Dir string }

// Work is the directory of unfinished parts, and of anything else that Clear may
// remove.
func (c Cache) Work() string { return filepath.Join(c.Dir, "work") }

// Log is the log file of that name.
func (c Cache) Log(name string) string { return filepath.Join(c.Dir, "logs", name+".log") }

// Path is the directory of a part, which may not be there yet.
func (c Cache) Path(name, key string) string { return filepath.Join(c.Dir, "parts", name+"-"+key) }

// Clear removes what an interrupted build left behind.
func (c Cache) Clear() error {
	for _, dir := range []string{c.Work(), filepath.Join(c.Dir, "logs")} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return os.MkdirAll(c.Work(), 0o755)
}

// Has tells whether the part is there.
func (c Cache) Has(name, key string) bool {
	info, err := os.Stat(c.Path(name, key))
	return err == nil && info.IsDir()
}

// Fill returns the directory of a part. When the part is not there, create makes it
// in the directory that it is given, and other parts of the same name are removed.
func (c Cache) Fill(name, key string, create func(dir string) error) (string, error) {
	part := c.Path(name, key)
	if c.Has(name, key) {
		return part, nil
	}
	if err := os.MkdirAll(c.Work(), 0o755); err != nil {
		return "", err
	}
	temporary, err := os.MkdirTemp(c.Work(), name+"-")
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

func (c Cache) removeOthers(name, key string) error {
	return c.remove(func(otherName, otherKey string) bool { return otherName == name && otherKey != key })
}

// Keep removes the parts of all other names.
func (c Cache) Keep(names map[string]bool) error {
	return c.remove(func(name, _ string) bool { return !names[name] })
}

func (c Cache) remove(which func(name, key string) bool) error {
	parts := filepath.Join(c.Dir, "parts")
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

// Key hashes the inputs of a part to a short key. Inputs that JSON cannot write are a
// bug and panic.
func Key(inputs any) string {
	data, err := json.Marshal(inputs)
	if err != nil {
		panic(fmt.Sprintf("parts: the inputs of a part: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])[:keyLength]
}
