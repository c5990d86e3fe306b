package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/progress"
)

// filesIn lists what is in a directory of the cache.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func writes(content string) func(dir string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, "file"), []byte(content), 0o644) }
}

func TestAPartIsMadeOnce(t *testing.T) {
	g, c := NewWithT(t), newCache(t.TempDir())
	key := keyOf("v1")
	dir, err := c.fill("runc", key, writes("first"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.has("runc", key)).To(BeTrue())

	again, err := c.fill("runc", key, func(string) error { return errors.New("made again") })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(dir))
	content, err := os.ReadFile(filepath.Join(dir, "file"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(content)).To(Equal("first"))
}

func TestAPartThatFailedIsNotThere(t *testing.T) {
	g, c := NewWithT(t), newCache(t.TempDir())
	broken := errors.New("broken")
	_, err := c.fill("runc", keyOf(1), func(dir string) error { return errors.Join(writes("half")(dir), broken) })
	g.Expect(err).To(MatchError(broken))
	g.Expect(c.has("runc", keyOf(1))).To(BeFalse())
	g.Expect(filesIn(t, c.work())).To(BeEmpty(), "nothing of it is left")
}

func TestAnInterruptedPartIsMadeAnew(t *testing.T) {
	g, c := NewWithT(t), newCache(t.TempDir())
	g.Expect(os.MkdirAll(filepath.Join(c.work(), "runc-123"), 0o755)).To(Succeed())
	g.Expect(writes("half")(filepath.Join(c.work(), "runc-123"))).To(Succeed())
	g.Expect(c.has("runc", keyOf(1))).To(BeFalse())
	g.Expect(c.clear()).To(Succeed())
	g.Expect(filesIn(t, c.work())).To(BeEmpty())
}

func TestANewPartReplacesTheOldOneOfItsName(t *testing.T) {
	g, c := NewWithT(t), newCache(t.TempDir())
	for _, part := range []struct{ name, key string }{
		{"kubernetes-v1.36.3", keyOf(1)}, {"kubernetes-v1.37.2", keyOf(1)}, {"kubernetes", keyOf(1)}, {"kubernetes-v1.37.2", keyOf(2)},
	} {
		_, err := c.fill(part.name, part.key, writes(""))
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(filesIn(t, filepath.Join(c.dir, "parts"))).To(ConsistOf(
		"kubernetes-v1.36.3-"+keyOf(1), "kubernetes-"+keyOf(1), "kubernetes-v1.37.2-"+keyOf(2)))

	g.Expect(c.keep(map[string]bool{"kubernetes-v1.37.2": true})).To(Succeed())
	g.Expect(filesIn(t, filepath.Join(c.dir, "parts"))).To(ConsistOf("kubernetes-v1.37.2-" + keyOf(2)))
}

func TestNoSupportedVersionLosesItsParts(t *testing.T) {
	g := NewWithT(t)
	wanted := wantedParts()
	g.Expect(wanted).To(HaveKey("rootfs-" + suite))
	for _, v := range Supported() {
		g.Expect(wanted).To(HaveKey("kubernetes-" + v.Build))
		g.Expect(wanted).To(HaveKey("etcd-" + v.Components["etcd"]))
	}
}

func TestKeysTellInputsApart(t *testing.T) {
	g := NewWithT(t)
	all := components(Supported()[0])
	keys := make(map[string]string)
	for _, c := range all {
		keys[c.key("go1.26.0")] = c.Name
		g.Expect(c.key("go1.26.0")).To(Equal(c.key("go1.26.0")))
		g.Expect(c.key("go1.26.1")).NotTo(Equal(c.key("go1.26.0")), "another compiler makes another program")
		changed := c
		changed.LDFlags = append([]string{"-X main.x=y"}, c.LDFlags...)
		g.Expect(changed.key("go1.26.0")).NotTo(Equal(c.key("go1.26.0")))
		changed = c
		changed.usual = effort{1, 1}
		g.Expect(changed.key("go1.26.0")).To(Equal(c.key("go1.26.0")), "a guess of the time changes nothing")
	}
	g.Expect(keys).To(HaveLen(len(all)))
}

func TestTheRecipeFollowsItsInputs(t *testing.T) {
	g := NewWithT(t)
	seen := make(map[string]string)
	for _, v := range Supported() {
		seen[recipe(v)] = v.Minor
	}
	g.Expect(seen).To(HaveLen(len(Supported())))
	v := Supported()[0]
	v.Components["runc"] = "v1.0.0"
	g.Expect(recipe(v)).NotTo(Equal(recipe(Supported()[0])))
	v = Supported()[0]
	v.Published = ""
	g.Expect(recipe(v)).To(Equal(recipe(Supported()[0])), "kind's image has no part in ours")
}

func TestTheSecondBuilderWaitsAndSaysSo(t *testing.T) {
	g, dir, log := NewWithT(t), t.TempDir(), &lines{}
	release, err := lock(t.Context(), dir, progress.Discard())
	g.Expect(err).NotTo(HaveOccurred())

	got := make(chan error, 1)
	go func() {
		second, err := lock(t.Context(), dir, log)
		if err == nil {
			second()
		}
		got <- err
	}()
	g.Eventually(func() []string {
		log.mu.Lock()
		defer log.mu.Unlock()
		return append([]string{}, log.said...)
	}).Should(ConsistOf(MatchRegexp(`waiting for the node image that another podproof builds \(process \d+\)`)))
	g.Consistently(got, "50ms").ShouldNot(Receive())
	release()
	g.Eventually(got, "5s").Should(Receive(BeNil()))
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	release, err := lock(t.Context(), dir, progress.Discard())
	g.Expect(err).NotTo(HaveOccurred())
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lock(ctx, dir, progress.Discard())
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
}

func TestRoomIsAddedUpByFileSystem(t *testing.T) {
	rooms := map[string]room{"/cache": {1, 2000 * mega}, "/go": {1, 2000 * mega}, "/engine": {2, 300 * mega}}
	at := func(path string) (room, error) { return rooms[path], nil }
	needs := []need{{"podproof's cache", "/cache", 900 * mega}, {"Go's build cache", "/go", 1000 * mega}, {"the container engine", "/engine", 300 * mega}}
	t.Run("enough", func(t *testing.T) {
		NewWithT(t).Expect(checkRoom(needs, at)).To(Succeed())
	})
	t.Run("too little", func(t *testing.T) {
		g := NewWithT(t)
		needs[1].bytes = 1200 * mega
		err := checkRoom(needs, at)
		g.Expect(err).To(MatchError(ErrDisk))
		g.Expect(err).To(MatchError(ContainSubstring("2.0 GB is free where 2.1 GB is needed: " +
			"900 MB for podproof's cache (/cache), 1.2 GB for Go's build cache (/go);")))
		g.Expect(err).NotTo(MatchError(ContainSubstring("engine")), "there is enough for it")
	})
}

func TestRoomOfADirectoryThatIsNotThereYet(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	here, err := roomAt(dir)
	g.Expect(err).NotTo(HaveOccurred())
	there, err := roomAt(filepath.Join(dir, "not", "yet"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(there.device).To(Equal(here.device))
	g.Expect(there.free).To(BeNumerically(">", 0))
}

func TestAFailedCommandSaysItsLastLines(t *testing.T) {
	g, log := NewWithT(t), filepath.Join(t.TempDir(), "logs", "x.log")
	script := `i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i; done; printf 'the end' >&2; exit 3`
	err := command{args: []string{"sh", "-c", script}, log: log}.run(t.Context())
	g.Expect(err).To(MatchError(And(
		HavePrefix("sh: exit status 3; its last lines:\n  line 27\n"), ContainSubstring("\n  the end\nall of its output: "+log))))
	whole, readErr := os.ReadFile(log)
	g.Expect(readErr).NotTo(HaveOccurred())
	g.Expect(strings.Count(string(whole), "\n")).To(BeNumerically(">", 40))
}

func TestACancelledCommandEndsWithItsChildren(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by hand")
	var child string
	began := time.Now()
	err := command{
		args: []string{"sh", "-c", "sleep 60 & echo $!; wait"},
		line: func(line string) { child = line; cancel(stopped) },
	}.run(ctx)
	g.Expect(err).To(MatchError(stopped))
	g.Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second))
	g.Eventually(func() string { return stateOf(child) }).Should(Or(BeEmpty(), Equal("Z")), "the child has ended")
}

// stateOf is the letter of a process's state, or "" when there is none.
func stateOf(pid string) string {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	return fields[0]
}
