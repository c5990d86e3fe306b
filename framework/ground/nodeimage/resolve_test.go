package nodeimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/podproof/podproof/fixtures/versions"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/nodeimage/build"
	"github.com/podproof/podproof/framework/progress"
)

// fakeEngine puts a docker on the PATH that answers from files and writes down
// how it was called.
type fakeEngine struct {
	t   *testing.T
	dir string
}

func newFakeEngine(t *testing.T) *fakeEngine {
	f := &fakeEngine{t, t.TempDir()}
	// Images that the engine has are lines of the file images; what can be
	// pulled, of the file registry. A mirror keeps the network out of it.
	f.write("docker", `#!/bin/sh
cd "`+f.dir+`" && echo "$*" >>calls
case "$1 $2" in
"image ls") cat images ;;
"image inspect") grep -qxF -- "$5" images ;;
"image rm") test "$3" != in-use ;;
"info --format") case "$3" in *Mirrors*) echo mirror ;; esac ;;
"run --rm") cat version ;;
pull*) grep -qxF -- "$2" registry || { echo "manifest unknown" >&2; exit 1; } ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
`)
	if err := os.Chmod(filepath.Join(f.dir, "docker"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.write("images", "")
	f.write("registry", "")
	f.write("version", "")
	t.Setenv("PATH", f.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return f
}

func (f *fakeEngine) write(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeEngine) calls() string {
	data, _ := os.ReadFile(filepath.Join(f.dir, "calls"))
	return string(data)
}

func (f *fakeEngine) resolve(r Request) (*Result, error) {
	return Resolve(f.t.Context(), &engine.Engine{Name: "docker"}, r)
}

// lines is a Log that keeps what is said.
type lines struct {
	mu   sync.Mutex
	said []string
}

func (l *lines) Info(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func (l *lines) Step(name string, _ time.Duration) progress.Step {
	l.Info("%s", name)
	return progress.Discard().Step(name, 0)
}

func newest(t *testing.T) versions.Version {
	t.Helper()
	return versions.Supported()[0]
}

func TestTheImageAskedForIsUsed(t *testing.T) {
	g, f, log := NewWithT(t), newFakeEngine(t), &lines{}
	f.write("images", "my/node:dev\n")
	f.write("version", "v1.36.3")
	result, err := f.resolve(Request{Image: "my/node:dev", Log: log})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*result).To(Equal(Result{Image: "my/node:dev", Kubernetes: "v1.36.3", Source: Asked}))
	g.Expect(f.calls()).NotTo(ContainSubstring("pull"))
	g.Expect(log.said).To(ConsistOf("node image: my/node:dev, as requested (Kubernetes v1.36.3)"))
}

func TestTheImageAskedForIsPulled(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	f.write("registry", "kindest/node:v1.35.8\n")
	result, err := f.resolve(Request{Image: "kindest/node:v1.35.8"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*result).To(Equal(Result{Image: "kindest/node:v1.35.8", Kubernetes: "v1.35.8", Source: Asked}))
}

func TestTheImageAskedForCannotBeHad(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	_, err := f.resolve(Request{Image: "my/node:dev"})
	g.Expect(err).To(MatchError(ErrImage))
	g.Expect(err).To(MatchError(ContainSubstring("my/node:dev is not on this machine and could not be pulled: exit status 1: manifest unknown")))

	_, err = f.resolve(Request{Image: "my/node:dev", Offline: true})
	g.Expect(err).To(MatchError(ContainSubstring("an offline run pulls nothing")))

	f.write("images", "debian:12\n")
	f.write("version", "")
	_, err = f.resolve(Request{Image: "debian:12"})
	g.Expect(err).To(MatchError(ContainSubstring("debian:12 is not a node image of kind")))

	f.write("images", "kindest/node:v1.35.8\n")
	_, err = f.resolve(Request{Image: "kindest/node:v1.35.8", Kubernetes: "1.37"})
	g.Expect(err).To(MatchError(ContainSubstring("holds Kubernetes v1.35.8, not the requested 1.37")))
}

func TestALocalImageGoesBeforeAPull(t *testing.T) {
	g, f, log := NewWithT(t), newFakeEngine(t), &lines{}
	v := newest(t)
	f.write("images", "debian:12@<none>\nkindest/node:"+v.PublishedVersion()+"@sha256:1\n"+build.Reference(v)+"@<none>\n")
	f.write("registry", v.Published+"\n")
	result, err := f.resolve(Request{Log: log})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*result).To(Equal(Result{Image: build.Reference(v), Kubernetes: v.Build, Source: Local}), "ours goes before kind's")
	g.Expect(strings.Split(strings.TrimSpace(f.calls()), "\n")).To(HaveLen(1), "a warm start asks the engine once")
	g.Expect(log.said).To(ConsistOf("node image: " + build.Reference(v) + " is on this machine"))
}

func TestKindsImageOnThisMachineIsFound(t *testing.T) {
	v := newest(t)
	image, digest, _ := strings.Cut(v.Published, "@")
	for name, test := range map[string]struct{ listed, want string }{
		"by its tag":           {image + "@" + digest, image},
		"pulled by its digest": {"kindest/node:<none>@" + digest, v.Published},
		"from a mirror":        {"mirror.test:5000/" + image + "@" + digest, "mirror.test:5000/" + image},
	} {
		t.Run(name, func(t *testing.T) {
			g, f := NewWithT(t), newFakeEngine(t)
			f.write("images", test.listed+"\n")
			result, err := f.resolve(Request{Kubernetes: v.Minor})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(*result).To(Equal(Result{Image: test.want, Kubernetes: v.PublishedVersion(), Source: Local}))
		})
	}
}

func TestALocalImageOfAnotherVersionIsNotUsed(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	v := newest(t)
	f.write("images", strings.Join([]string{
		build.Reference(versions.Supported()[1]) + "@<none>",
		build.Repository + ":" + v.Build + "-000000000000@<none>", // an older recipe
		"kindest/node:v1.36.4@sha256:1",
		"other/node:" + v.PublishedVersion() + "@sha256:1",
	}, "\n"))
	_, err := f.resolve(Request{Kubernetes: v.Minor, Offline: true})
	g.Expect(err).To(MatchError(ContainSubstring("needs a cache directory")), "nothing but a build is left")
}

func TestAPullGoesBeforeABuild(t *testing.T) {
	g, f, log := NewWithT(t), newFakeEngine(t), &lines{}
	v := newest(t)
	f.write("registry", v.Published+"\n")
	result, err := f.resolve(Request{Kubernetes: v.Minor, Log: log})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*result).To(Equal(Result{Image: v.Published, Kubernetes: v.PublishedVersion(), Source: Pulled}))
	g.Expect(log.said[len(log.said)-1]).To(Equal("node image: pulled kindest/node:" + v.PublishedVersion()))
}

func TestABuildComesLast(t *testing.T) {
	v := newest(t)
	for name, test := range map[string]struct {
		request Request
		said    string
		pulls   bool
	}{
		"nothing to pull": {Request{}, "cannot be pulled: exit status 1: manifest unknown", true},
		"offline":         {Request{Offline: true}, "is not pulled, because the run is offline", false},
		"not published":   {Request{Kubernetes: v.Build}, "this release of kind has none for Kubernetes " + v.Build, false},
	} {
		t.Run(name, func(t *testing.T) {
			g, f, log := NewWithT(t), newFakeEngine(t), &lines{}
			test.request.Log = log
			_, err := f.resolve(test.request)
			g.Expect(err).To(MatchError(ContainSubstring("needs a cache directory")))
			g.Expect(log.said).To(ContainElement(ContainSubstring(test.said)))
			g.Expect(strings.Contains(f.calls(), "\npull ")).To(Equal(test.pulls))
		})
	}
}

func TestAPatchThatOnlyKindHasIsNotBuilt(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	v := newest(t)
	_, err := f.resolve(Request{Kubernetes: v.PublishedVersion(), CacheDir: t.TempDir()})
	g.Expect(err).To(MatchError(versions.ErrUnsupported))
	g.Expect(err).To(MatchError(ContainSubstring("ask for " + v.Build)))
}

func TestAnUnknownVersionStopsBeforeTheEngineIsAsked(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	_, err := f.resolve(Request{Kubernetes: "1.99"})
	g.Expect(err).To(MatchError(versions.ErrUnsupported))
	g.Expect(f.calls()).To(BeEmpty())
}

func TestAnInterruptIsNotTakenForAMissingImage(t *testing.T) {
	g, f := NewWithT(t), newFakeEngine(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := fmt.Errorf("interrupted")
	cancel(cause)
	_, err := Resolve(ctx, &engine.Engine{Name: "docker"}, Request{Image: "my/node:dev"})
	g.Expect(err).To(MatchError(cause))
	g.Expect(f.calls()).NotTo(ContainSubstring("pull"))
}

func TestAnUnreachableRegistryIsGivenUpAtOnce(t *testing.T) {
	g := NewWithT(t)
	began := time.Now()
	err := reachable(t.Context(), "127.0.0.1:1")
	g.Expect(err).To(MatchError(ContainSubstring("its registry cannot be reached")))
	g.Expect(time.Since(began)).To(BeNumerically("<", reachTimeout))
}

func TestKindsDefaultImageIsAmongThePublished(t *testing.T) {
	g := NewWithT(t)
	v, err := versions.Find(versions.Minor(versions.Tag(defaults.Image)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(v.Published).To(Equal(defaults.Image), "fixtures/versions/versions.yaml is of another release of kind")
}
