// Package oci writes container images, and the tar archives that they are made of.
package oci

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// Archive writes chosen files into a tar archive. Owners and times are fixed, so that
// the same content makes the same archive.
type Archive struct {
	w    *tar.Writer
	dirs map[string]bool
}

// NewArchive begins an archive.
func NewArchive(w io.Writer) *Archive {
	return &Archive{w: tar.NewWriter(w), dirs: map[string]bool{".": true}}
}

// epoch is the time of every file that is not copied from a file system.
var epoch = time.Unix(0, 0)

func (a *Archive) header(h *tar.Header) error {
	h.ModTime, h.Format = epoch, tar.FormatPAX
	return a.w.WriteHeader(h)
}

// Dir writes a directory and its parents, each once.
func (a *Archive) Dir(name string) error {
	name = path.Clean(name)
	if a.dirs[name] {
		return nil
	}
	if err := a.Dir(path.Dir(name)); err != nil {
		return err
	}
	a.dirs[name] = true
	return a.header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

// Scratch writes a directory in which everybody may write, like /tmp.
func (a *Archive) Scratch(name string) error {
	if err := a.Dir(path.Dir(name)); err != nil {
		return err
	}
	a.dirs[path.Clean(name)] = true
	return a.header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o1777})
}

// Text writes a file with that content.
func (a *Archive) Text(name string, mode int64, content []byte) error {
	if err := a.Dir(path.Dir(name)); err != nil {
		return err
	}
	if err := a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := a.w.Write(content)
	return err
}

// Copy writes a file with the content of a file on this machine.
func (a *Archive) Copy(name string, mode int64, from string) error {
	if err := a.Dir(path.Dir(name)); err != nil {
		return err
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(a.w, file)
	return err
}

// Link writes a symbolic link.
func (a *Archive) Link(name, target string) error {
	if err := a.Dir(path.Dir(name)); err != nil {
		return err
	}
	return a.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// Tree writes all regular files below a directory on this machine.
func (a *Archive) Tree(name, from string) error {
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := path.Join(name, filepath.ToSlash(relative))
		info, err := entry.Info()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return a.Dir(target)
		case info.Mode().IsRegular():
			return a.Copy(target, int64(info.Mode().Perm()), file)
		}
		return nil
	})
}

// Append copies the entries of another archive.
func (a *Archive) Append(from string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	r := tar.NewReader(file)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			if a.dirs[path.Clean(h.Name)] {
				continue
			}
			a.dirs[path.Clean(h.Name)] = true
		}
		if err := a.w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(a.w, r); err != nil {
			return err
		}
	}
}

// Close writes the end of the archive.
func (a *Archive) Close() error { return a.w.Close() }

// WriteFile writes an archive into a file.
func WriteFile(file string, write func(*Archive) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	a := NewArchive(f)
	return errors.Join(write(a), a.Close(), f.Close())
}
