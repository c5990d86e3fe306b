package build

import (
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

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
		g.Expect(err).To(MatchError(ContainSubstring("2.0 GB is free and 2.1 GB is needed: " +
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
