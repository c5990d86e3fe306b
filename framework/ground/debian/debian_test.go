package debian

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestTheMirrorIsThatOfTheMachine(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"deb822": {"sources.list.d/debian.sources", "# main\nTypes: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\n" +
			"Types: deb\nURIs: http://security.test\nSuites: bookworm-security\n", "http://mirror.test/debian"},
		"one line":        {"sources.list", "# deb http://old.test bookworm main\ndeb [signed-by=/k] https://mirror.test/debian bookworm main\n", "https://mirror.test/debian"},
		"another release": {"sources.list", "deb http://mirror.test/debian trixie main\n", ""},
		"a disc":          {"sources.list", "deb cdrom:[Debian]/ bookworm main\n", ""},
		"nothing":         {"other", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, dir := NewWithT(t), t.TempDir()
			file := filepath.Join(dir, test.file)
			g.Expect(os.MkdirAll(filepath.Dir(file), 0o755)).To(Succeed())
			g.Expect(os.WriteFile(file, []byte(test.text), 0o644)).To(Succeed())
			g.Expect(Mirror(dir, "bookworm")).To(Equal(test.want))
		})
	}
}

func TestDebianAndItsFamily(t *testing.T) {
	for text, want := range map[string]bool{
		"NAME=\"Debian GNU/Linux\"\nID=debian\n":  true,
		"ID=ubuntu\nID_LIKE=debian\n":             true,
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"": true,
		"ID=fedora\nHOME_URL=\"debian\"\n":        false,
		"ID='arch'\n":                             false,
		"":                                        false,
	} {
		NewWithT(t).Expect(IsFamily(text)).To(Equal(want), text)
	}
}

// fakeApt puts an apt-get on the PATH that knows no package before an update, and
// writes down how it was called.
func fakeApt(t *testing.T) (calls func() []string) {
	dir := t.TempDir()
	script := `#!/bin/sh
shift 2 # --option VALUE
echo "$*" >>` + dir + `/calls
case "$1" in
update) : >` + dir + `/lists ;;
download) test -e ` + dir + `/lists && echo package >"$2_1.0_all.deb" ;;
*) test -e ` + dir + `/lists || { echo "Unable to locate package" >&2; exit 100; } ;;
esac
`
	extract := "#!/bin/sh\ncp \"$2\" \"$3/unpacked\"\n"
	for name, text := range map[string]string{"apt-get": script, "dpkg-deb": extract} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() []string {
		data, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(data)), "\n")
	}
}

func TestListsAreOnlyFetchedWhenAPackageIsNotFound(t *testing.T) {
	g, calls := NewWithT(t), fakeApt(t)
	updates := 0
	apt := Apt{Log: filepath.Join(t.TempDir(), "apt.log"), Updating: func() { updates++ }}
	g.Expect(apt.Install(t.Context(), "gcc", "libc6-dev")).To(Succeed())
	g.Expect(apt.Install(t.Context(), "pigz")).To(Succeed())
	install := "install --yes --no-install-recommends "
	g.Expect(calls()).To(Equal([]string{install + "gcc libc6-dev", "update", install + "gcc libc6-dev", install + "pigz"}))
	g.Expect(updates).To(Equal(1))
	g.Expect(os.ReadFile(apt.Log)).To(ContainSubstring("Unable to locate package"))
}

func TestAPackageIsUnpackedWithoutBeingInstalled(t *testing.T) {
	g, calls, dir := NewWithT(t), fakeApt(t), t.TempDir()
	g.Expect(Apt{}.Unpack(t.Context(), "busybox-static", dir)).To(Succeed())
	g.Expect(os.ReadFile(filepath.Join(dir, "unpacked"))).To(BeEquivalentTo("package\n"))
	g.Expect(calls()).To(Equal([]string{"download busybox-static", "update", "download busybox-static"}))
}
