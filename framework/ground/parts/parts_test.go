package parts

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

// filesIn lists a directory of the cache.
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
	g, c := NewWithT(t), Cache{t.TempDir()}
	key := Key("v1")
	dir, err := c.Fill("runc", key, writes("first"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.Has("runc", key)).To(BeTrue())

	again, err := c.Fill("runc", key, func(string) error { return errors.New("made again") })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(dir))
	content, err := os.ReadFile(filepath.Join(dir, "file"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(content)).To(Equal("first"))
}

func TestAPartThatFailedIsNotThere(t *testing.T) {
	g, c := NewWithT(t), Cache{t.TempDir()}
	broken := errors.New("broken")
	_, err := c.Fill("runc", Key(1), func(dir string) error { return errors.Join(writes("half")(dir), broken) })
	g.Expect(err).To(MatchError(broken))
	g.Expect(c.Has("runc", Key(1))).To(BeFalse())
	g.Expect(filesIn(t, c.Work())).To(BeEmpty(), "nothing of it is left")
}

func TestAnInterruptedPartIsMadeAnew(t *testing.T) {
	g, c := NewWithT(t), Cache{t.TempDir()}
	g.Expect(os.MkdirAll(filepath.Join(c.Work(), "runc-123"), 0o755)).To(Succeed())
	g.Expect(writes("half")(filepath.Join(c.Work(), "runc-123"))).To(Succeed())
	g.Expect(c.Has("runc", Key(1))).To(BeFalse())
	g.Expect(c.Clear()).To(Succeed())
	g.Expect(filesIn(t, c.Work())).To(BeEmpty())
}

func TestANewPartReplacesTheOldOneOfItsName(t *testing.T) {
	g, c := NewWithT(t), Cache{t.TempDir()}
	for _, part := range []struct{ name, key string }{
		{"kubernetes-v1.36.3", Key(1)}, {"kubernetes-v1.37.2", Key(1)}, {"kubernetes", Key(1)}, {"kubernetes-v1.37.2", Key(2)},
	} {
		_, err := c.Fill(part.name, part.key, writes(""))
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect(filesIn(t, filepath.Join(c.Dir, "parts"))).To(ConsistOf(
		"kubernetes-v1.36.3-"+Key(1), "kubernetes-"+Key(1), "kubernetes-v1.37.2-"+Key(2)))

	g.Expect(c.Keep(map[string]bool{"kubernetes-v1.37.2": true})).To(Succeed())
	g.Expect(filesIn(t, filepath.Join(c.Dir, "parts"))).To(ConsistOf("kubernetes-v1.37.2-" + Key(2)))
}
