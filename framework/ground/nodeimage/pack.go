package nodeimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"
)

// archive writes files of our choosing into a tar archive. Owner and time are
// fixed, so that the same content makes the same archive.
type archive struct {
	w    *tar.Writer
	dirs map[string]bool
}

func newArchive(w io.Writer) *archive {
	return &archive{w: tar.NewWriter(w), dirs: map[string]bool{".": true}}
}

// epoch is the time of every file that is not copied from a file system.
var epoch = time.Unix(0, 0)

func (a *archive) header(h *tar.Header) error {
	h.ModTime, h.Format = epoch, tar.FormatPAX
	return a.w.WriteHeader(h)
}

// dir writes a directory and those above it, each once.
func (a *archive) dir(name string) error {
	name = path.Clean(name)
	if a.dirs[name] {
		return nil
	}
	if err := a.dir(path.Dir(name)); err != nil {
		return err
	}
	a.dirs[name] = true
	return a.header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
}

// text writes a file.
func (a *archive) text(name string, mode int64, content []byte) error {
	if err := a.dir(path.Dir(name)); err != nil {
		return err
	}
	if err := a.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := a.w.Write(content)
	return err
}

// copy writes a file with the content of one on this machine.
func (a *archive) copy(name string, mode int64, from string) error {
	if err := a.dir(path.Dir(name)); err != nil {
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

// link writes a symbolic link.
func (a *archive) link(name, target string) error {
	if err := a.dir(path.Dir(name)); err != nil {
		return err
	}
	return a.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// tree writes all regular files below a directory of this machine.
func (a *archive) tree(name, from string) error {
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
			return a.dir(target)
		case info.Mode().IsRegular():
			return a.copy(target, int64(info.Mode().Perm()), file)
		}
		return nil
	})
}

// append copies the entries of a finished archive.
func (a *archive) append(from string) error {
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

func (a *archive) close() error { return a.w.Close() }

// writeArchive makes an archive in a file.
func writeArchive(file string, write func(*archive) error) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	a := newArchive(f)
	return errors.Join(write(a), a.close(), f.Close())
}

// packTree archives a whole file system with its owners, modes, times and hard
// links. Devices and what is mounted at run time stay out: the engine makes
// them.
func packTree(file, tree string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	type inode struct{ device, number uint64 }
	seen := make(map[inode]string)
	err = filepath.WalkDir(tree, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(tree, name)
		if err != nil || relative == "." {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode()&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0 {
			return nil
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(name); err != nil {
				return err
			}
		}
		h, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		h.Name, h.Uname, h.Gname, h.Format = filepath.ToSlash(relative), "", "", tar.FormatPAX
		h.AccessTime, h.ChangeTime, h.ModTime = time.Time{}, time.Time{}, h.ModTime.Truncate(time.Second)
		if info.IsDir() {
			h.Name += "/"
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
			id := inode{uint64(stat.Dev), stat.Ino}
			if first, again := seen[id]; again {
				h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			} else {
				seen[id] = h.Name
			}
		}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", relative, err)
		}
		if h.Typeflag == tar.TypeReg {
			if err := copyInto(w, name); err != nil {
				return err
			}
		}
		if info.IsDir() && isRuntimeDir(relative) {
			return filepath.SkipDir
		}
		return nil
	})
	return errors.Join(err, w.Close(), f.Close())
}

// isRuntimeDir says whether only the directory itself belongs to an image.
func isRuntimeDir(name string) bool {
	return name == "proc" || name == "sys" || name == "dev"
}

func copyInto(w io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}
