package witnessimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/podproof/podproof/framework/ground/process"
)

const module = "github.com/podproof/podproof"

// inputs are the directories and files of the module that the image depends on.
var inputs = []string{
	"go.mod", "go.sum", "fixtures/witness",
	"framework/oci", "framework/witness/program.go", "framework/witness/witnessimage",
}

// source is podproof's source and the Go that builds it.
type source struct {
	dir     string
	version string // of Go
	arch    string // of the image: that of this machine, where the nodes run too
}

// findSource asks the go command for the module, which it knows in a checkout and in any
// module that requires podproof. Otherwise it looks where this file was compiled.
func findSource(ctx context.Context) (source, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return source{}, fmt.Errorf("building the program needs the go command: install Go from https://go.dev/dl, or put it on PATH: %w", err)
	}
	src := source{arch: runtime.GOARCH}
	dir, err := goCommand(ctx, "", nil, "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil || dir == "" {
		var ok bool
		if dir, ok = compiledFrom(); !ok {
			return src, errors.Join(fmt.Errorf("the source of module %s was not found from the current directory: run in a checkout, or in a module that requires it", module), err)
		}
	}
	src.dir = dir
	src.version, err = goCommand(ctx, dir, nil, "env", "GOVERSION")
	return src, err
}

// compiledFrom is the root of the checkout that this package was compiled in, if it is
// still there. Builds with -trimpath do not know it.
func compiledFrom() (string, bool) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", false
	}
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	_, err := os.Stat(filepath.Join(root, "fixtures", "witness", "main.go"))
	return root, err == nil && filepath.IsAbs(root)
}

// key names the content of all inputs.
func (s source) key(ctx context.Context) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, s.version, s.arch)
	for _, input := range inputs {
		err := filepath.WalkDir(filepath.Join(s.dir, input), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return ctx.Err()
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(s.dir, path)
			fmt.Fprintf(sum, "%s %d\n%s", filepath.ToSlash(rel), len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// compile builds the program: static, and the same for the same source in any directory
// and any state of version control.
func (s source) compile(ctx context.Context, out string) error {
	_, err := goCommand(ctx, s.dir,
		[]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + s.arch, "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT="},
		"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./fixtures/witness")
	return err
}

// goCommand runs the go command in dir, with env on top of the environment, and returns
// what it printed. It is interrupted gently: then it removes its temporary files.
func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	out, err := process.Command{Dir: dir, Env: env, Args: append([]string{"go"}, args...), Gentle: true}.Output(ctx)
	return strings.TrimSpace(out), err
}
