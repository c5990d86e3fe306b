package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// PackTree archives a whole file system with its owners, modes, times and hard links.
// Devices, and the content of /proc, /sys and /dev, stay out: the engine makes them.
func PackTree(file, tree string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	p := packer{tree: tree, w: tar.NewWriter(f), seen: make(map[inode]string)}
	err = filepath.WalkDir(tree, p.add)
	return errors.Join(err, p.w.Close(), f.Close())
}

type packer struct {
	tree string
	w    *tar.Writer
	seen map[inode]string // the name in the archive of files with several names
}

type inode struct{ device, number uint64 }

// add is a fs.WalkDirFunc.
func (p *packer) add(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(p.tree, name)
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
	h, err := p.header(name, filepath.ToSlash(relative), info)
	if err != nil {
		return err
	}
	if err := p.w.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", relative, err)
	}
	if h.Typeflag == tar.TypeReg {
		if err := copyInto(p.w, name); err != nil {
			return err
		}
	}
	if info.IsDir() && isRuntimeDir(relative) {
		return filepath.SkipDir
	}
	return nil
}

func (p *packer) header(name, archived string, info fs.FileInfo) (*tar.Header, error) {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(name); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	h.Name, h.Uname, h.Gname, h.Format = archived, "", "", tar.FormatPAX
	h.AccessTime, h.ChangeTime, h.ModTime = time.Time{}, time.Time{}, h.ModTime.Truncate(time.Second)
	if info.IsDir() {
		h.Name += "/"
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && info.Mode().IsRegular() && stat.Nlink > 1 {
		id := inode{uint64(stat.Dev), stat.Ino}
		if first, again := p.seen[id]; again {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			p.seen[id] = h.Name
		}
	}
	return h, nil
}

// isRuntimeDir tells whether only the directory itself belongs to an image.
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
