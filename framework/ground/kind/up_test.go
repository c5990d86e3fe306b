package kind

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/ground/engine"
	"github.com/podproof/podproof/framework/ground/lockfile"
	"github.com/podproof/podproof/framework/progress"
)

// fakeEngine is a docker command on the PATH that knows containers and nothing
// else: one file for each in its directory, with what inspect says of it.
type fakeEngine struct {
	g   Gomega
	dir string
}

func newFakeEngine(t *testing.T) *fakeEngine {
	e := &fakeEngine{NewWithT(t), t.TempDir()}
	bin := t.TempDir()
	script := `#!/bin/sh
cd ` + e.dir + ` || exit 1
case "$1" in
version)
	test ! -e down || { echo "Cannot connect" >&2; exit 1; }
	echo 20.10.24 ;;
ps)
	cluster=
	for arg; do case $arg in label=` + clusterLabel + `=*) cluster=${arg##*=} ;; esac; done
	for f in *.json; do
		test -e "$f" || continue
		test -z "$cluster" || grep -q "\"$cluster\"" "$f" || continue
		echo "${f%.json}"
	done ;;
inspect)
	shift
	separator=[
	for name; do echo "$separator"; separator=,; cat "$name.json" || exit 1; done
	echo ] ;;
rm)
	for arg; do rm -f "$arg.json"; done ;;
network)
	test -e network || { echo "no such network" >&2; exit 1; }
	test "$2" != rm || rm network ;;
*)
	echo "no such image" >&2; exit 1 ;;
esac
`
	e.g.Expect(os.WriteFile(filepath.Join(bin, "docker"), []byte(script), 0o755)).To(Succeed())
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	return e
}

// add makes a container that is a node of a cluster; ownerDir "" is that of
// somebody else's.
func (e *fakeEngine) add(name, inCluster, clusterDir string) {
	mounts := `{"Source": "/lib/modules", "Destination": "/lib/modules"}`
	if clusterDir != "" {
		mounts += fmt.Sprintf(`, {"Source": %q, "Destination": %q}`, filepath.Join(clusterDir, ownerDir), ownerMount)
	}
	content := fmt.Sprintf(`{"Name": "/%s", "State": {"Running": true, "StartedAt": "2026-05-01T12:00:00.5Z"},
		"Config": {"Labels": {%q: %q}}, "Mounts": [%s]}`, name, clusterLabel, inCluster, mounts)
	e.g.Expect(os.WriteFile(filepath.Join(e.dir, name+".json"), []byte(content), 0o644)).To(Succeed())
}

func (e *fakeEngine) touch(name string) {
	e.g.Expect(os.WriteFile(filepath.Join(e.dir, name), nil, 0o644)).To(Succeed())
}

func (e *fakeEngine) containers() []string {
	files, err := filepath.Glob(filepath.Join(e.dir, "*.json"))
	e.g.Expect(err).NotTo(HaveOccurred())
	names := []string{}
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// heard is a Log that keeps what it is told.
type heard struct {
	progress.Log
	mu   sync.Mutex
	said []string
}

func hear() *heard { return &heard{Log: progress.Discard()} }

func (h *heard) Info(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, fmt.Sprintf(format, args...))
}

func hold(g Gomega, dir string) *lockfile.Lock {
	lock, err := lockfile.Try(filepath.Join(dir, lockFile))
	g.Expect(err).NotTo(HaveOccurred())
	return lock
}

func TestContainersOfKindClusters(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	docker := &engine.Engine{Name: "docker"}
	none, err := containers(t.Context(), docker, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none).To(BeEmpty())

	e.add("a-control-plane", "a", "/state/a")
	e.add("b-control-plane", "b", "")
	found, err := containers(t.Context(), docker, "a")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(ConsistOf(container{
		name: "a-control-plane", cluster: "a", running: true, dir: "/state/a",
		started: time.Date(2026, 5, 1, 12, 0, 0, 500_000_000, time.UTC),
	}))
	g.Expect(containers(t.Context(), docker, "")).To(HaveLen(2))
}

func TestTakeName(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	state := t.TempDir()
	take := func() (string, *heard, error) {
		log := hear()
		r := &Request{Name: "x", StateDir: state, Engine: &engine.Engine{Name: "docker"}, Log: log}
		lock, _, err := r.takeName(t.Context())
		if lock != nil {
			t.Cleanup(lock.Release)
		}
		return r.Name, log, err
	}
	e.add("x-2-control-plane", "x-2", "")
	e.add("x-3-control-plane", "x-3", "/elsewhere/x-3")

	name, log, err := take()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(name).To(Equal("x"))
	g.Expect(log.said).To(BeEmpty())

	name, log, err = take()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(name).To(Equal("x-4"))
	g.Expect(log.said).To(Equal([]string{
		fmt.Sprintf("Cluster x is in use by process %d: this run has x-4.", os.Getpid()),
		"Cluster x-2 is a kind cluster that podproof has not made: this run has x-4.",
		"Cluster x-3 belongs to the podproof that keeps its state in /elsewhere/x-3: this run has x-4.",
	}))
	g.Expect(e.containers()).To(HaveLen(2), "nobody else's cluster is touched")
	g.Expect(filepath.Join(state, "x-2")).NotTo(BeADirectory())

	_, _, err = take()
	g.Expect(err).To(MatchError(And(HavePrefix("cluster x: this name and the next are taken: x is in use by process"), ContainSubstring("; x-4 is in use"))))
	g.Expect(err.Error()).NotTo(ContainSubstring("\n"))
}

func TestUpLeavesNothingWhenTheImageIsMissing(t *testing.T) {
	g, _ := NewWithT(t), newFakeEngine(t)
	state := t.TempDir()
	_, err := Up(t.Context(), Request{Name: "x", StateDir: state, Engine: &engine.Engine{Name: "docker"}, NodeImage: "none:1"})
	g.Expect(err).To(MatchError(And(HavePrefix("cluster x: node image none:1: "), ContainSubstring("no such image"))))
	g.Expect(filepath.Join(state, "x")).NotTo(BeADirectory())
	hold(g, filepath.Join(state, "x")).Release()
}

func TestWhichKeptClusterIsFit(t *testing.T) {
	kept := &state{NodeImage: "sha256:a", Workers: 1}
	image := &traits{imageID: "sha256:a"}
	two := []container{{name: "control-plane"}, {name: "worker"}}
	tests := map[string]struct {
		kept    *state
		image   *traits
		workers int
		nodes   []container
		want    string
	}{
		"the same":          {kept, image, 1, two, ""},
		"not kept":          {nil, image, 1, two, "left from a run that was killed"},
		"another image":     {kept, &traits{imageID: "sha256:b"}, 1, two, "another node image"},
		"more workers":      {kept, image, 2, two, "has 1 workers and not 2"},
		"a node is missing": {kept, image, 1, two[:1], "only 1 of its 2 nodes"},
		"none reserved":     {&state{NodeImage: "sha256:a", Workers: 2}, image, 2, two, "no worker reserved"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			why := unfit(test.kept, test.image, test.workers, test.nodes)
			if test.want == "" {
				g.Expect(why).To(BeEmpty())
			} else {
				g.Expect(why).To(ContainSubstring(test.want))
			}
		})
	}
}

func TestStateOfAKeptCluster(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	g.Expect(readState(dir)).To(BeNil())
	g.Expect(writeState(dir, state{NodeImage: "sha256:a", Workers: 2})).To(Succeed())
	g.Expect(readState(dir)).To(Equal(&state{NodeImage: "sha256:a", Workers: 2}))
	g.Expect(forgetState(dir)).To(Succeed())
	g.Expect(forgetState(dir)).To(Succeed())
	g.Expect(readState(dir)).To(BeNil())
	g.Expect(os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"workers": "tw`), 0o644)).To(Succeed())
	g.Expect(readState(dir)).To(BeNil(), "half written is not kept")
}

func TestEmptyDirLeavesTheLock(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	lock := hold(g, dir)
	defer lock.Release()
	g.Expect(os.MkdirAll(filepath.Join(dir, ownerDir), 0o755)).To(Succeed())
	g.Expect(writeState(dir, keptState)).To(Succeed())
	g.Expect(emptyDir(dir)).To(Succeed())
	g.Expect(filepath.Glob(filepath.Join(dir, "*"))).To(ConsistOf(filepath.Join(dir, lockFile)),
		"without it another process could take the name while this one makes its cluster anew")
	g.Expect(emptyDir(filepath.Join(dir, "gone"))).To(Succeed())
}

func TestDownDeletesTheNodesAndTheDirectory(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	dir := filepath.Join(t.TempDir(), "x")
	lock := hold(g, dir)
	e.add("x-control-plane", "x", dir)
	e.add("y-control-plane", "y", "/state/y")
	// What is left of a process that was killed while it wrote the kubeconfig.
	g.Expect(os.WriteFile(filepath.Join(dir, kubeconfigFile+".lock"), nil, 0o600)).To(Succeed())

	made := func(keep bool) *Cluster {
		return control(&cluster.Info{Name: "x", Kubeconfig: filepath.Join(dir, kubeconfigFile), Own: true, Keep: keep, Kind: true, Provider: "docker"}, nil)
	}
	g.Expect(made(true).Down(t.Context())).To(Succeed())
	g.Expect(e.containers()).To(HaveLen(2), "what is to be kept stays")

	c := made(false)
	c.lock = lock
	g.Expect(c.Down(t.Context())).To(Succeed())
	g.Expect(e.containers()).To(ConsistOf("y-control-plane"))
	g.Expect(dir).NotTo(BeADirectory())

	defer hold(g, dir).Release() // another run takes the name
	e.add("x-control-plane", "x", dir)
	g.Expect(c.Down(t.Context())).To(Succeed())
	g.Expect(e.containers()).To(ContainElement("x-control-plane"), "nothing the second time")
}

func TestClean(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	state := t.TempDir()
	in := func(name string) string { return filepath.Join(state, name) }
	for _, name := range []string{"kept", "busy", "gone", "leftover"} {
		g.Expect(os.MkdirAll(in(name), 0o755)).To(Succeed())
	}
	e.add("kept-control-plane", "kept", in("kept"))
	e.add("kept-worker", "kept", in("kept"))
	e.add("busy-control-plane", "busy", in("busy"))
	e.add("lost-control-plane", "lost", in("lost")) // its directory is gone
	e.add("users-control-plane", "users", "")
	e.touch("network")
	busy := hold(g, in("busy"))
	g.Expect(writeState(in("kept"), keptState)).To(Succeed())
	g.Expect(noteNetwork(t.Context(), &engine.Engine{Name: "docker"}, state)).To(Succeed())
	g.Expect(networkNote(&engine.Engine{Name: "docker"}, state)).NotTo(BeAnExistingFile(), "it was there before")

	log := hear()
	g.Expect(Clean(t.Context(), state, log)).To(ConsistOf("busy"), "what a live run uses, without an error")
	g.Expect(e.containers()).To(ConsistOf("busy-control-plane", "users-control-plane"))
	g.Expect(log.said).To(ConsistOf(
		"Deleted cluster kept.", "Deleted cluster lost.",
		fmt.Sprintf("Cluster busy is in use by process %d and stays.", os.Getpid()),
	))
	g.Expect(filepath.Glob(in("*"))).To(ConsistOf(in("busy")))
	g.Expect(filepath.Join(e.dir, "network")).To(BeAnExistingFile())

	busy.Release()
	g.Expect(Clean(t.Context(), state, nil)).To(BeEmpty(), "no error, and nothing in use")
	g.Expect(e.containers()).To(ConsistOf("users-control-plane"))
	g.Expect(filepath.Glob(in("*"))).To(BeEmpty())
}

var keptState = state{NodeImage: "sha256:a", Workers: 1}

func TestCleanRemovesTheNetworkThatPodproofCaused(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	state := t.TempDir()
	docker := &engine.Engine{Name: "docker"}
	g.Expect(noteNetwork(t.Context(), docker, state)).To(Succeed())
	g.Expect(networkNote(docker, state)).To(BeAnExistingFile())
	e.touch("network") // kind makes it

	e.add("users-control-plane", "users", "")
	g.Expect(Clean(t.Context(), state, nil)).To(BeEmpty(), "no error, and nothing in use")
	g.Expect(filepath.Join(e.dir, "network")).To(BeAnExistingFile(), "the user's cluster is in it")

	g.Expect(os.Remove(filepath.Join(e.dir, "users-control-plane.json"))).To(Succeed())
	g.Expect(Clean(t.Context(), state, nil)).To(BeEmpty(), "no error, and nothing in use")
	g.Expect(filepath.Join(e.dir, "network")).NotTo(BeAnExistingFile())
	g.Expect(networkNote(docker, state)).NotTo(BeAnExistingFile())
}

func TestCleanWithoutAnEngine(t *testing.T) {
	g, e := NewWithT(t), newFakeEngine(t)
	e.touch("down")
	state := t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(state, "x"), 0o755)).To(Succeed())
	g.Expect(Clean(t.Context(), state, nil)).To(BeEmpty(), "no error, and nothing in use")
	g.Expect(filepath.Join(state, "x")).NotTo(BeADirectory())
	g.Expect(Clean(t.Context(), filepath.Join(state, "never", "made"), nil)).To(BeEmpty(), "no error, and nothing in use")
}
