package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestWithheldCapabilities(t *testing.T) {
	g := NewWithT(t)
	missing, err := withheld("Name:\tx\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n", "40\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(capabilityList(missing)).To(Equal("CAP_SYS_RESOURCE"))

	missing, err = withheld("CapBnd:\t000001ffffffffff\n", "40\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(missing).To(BeEmpty(), "a machine that has all")

	missing, err = withheld("CapBnd:\t000001ffffffffff\n", "41\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(capabilityList(missing)).To(Equal("capability 41"), "a kernel that knows more than podproof")

	missing, err = withheld("CapBnd:\t000001ffffffffff\n", "38\n")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(missing).To(BeEmpty(), "a kernel that knows less")

	for _, status := range []string{"", "CapBnd:\tx\n"} {
		_, err = withheld(status, "40\n")
		g.Expect(err).To(HaveOccurred())
	}
}

func TestDaemonConfig(t *testing.T) {
	g := NewWithT(t)
	config, err := daemonConfig(nil, "/state/dockerd.pid", "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config).To(MatchJSON(`{"pidfile": "/state/dockerd.pid"}`), "no runtime where none is needed")

	users := `{"data-root": "/big", "default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}}`
	config, err = daemonConfig([]byte(users), "/state/dockerd.pid", "/state/capruntime")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config).To(MatchJSON(`{
		"data-root": "/big",
		"default-runtime": "podproof",
		"pidfile": "/state/dockerd.pid",
		"runtimes": {"crun": {"path": "/usr/bin/crun"}, "podproof": {"path": "/state/capruntime"}}
	}`), "what the user has set stays")

	_, err = daemonConfig([]byte("{"), "/p", "")
	g.Expect(err).To(MatchError(ContainSubstring("not JSON")))
}

func TestLivingProcesses(t *testing.T) {
	for stat, want := range map[string]bool{
		"12 (dockerd) S 1 12":     true,
		"12 (dockerd) Z 1 12":     false, // has ended, nobody has asked for its exit code
		"12 (bash) S 1 12":        false, // the process ID was given to another program
		"12 (a) (dockerd) S 1 12": false,
		"12 (dockerd)":            false,
		"":                        false,
	} {
		NewWithT(t).Expect(lives(stat, "dockerd")).To(Equal(want), stat)
	}
}

func TestServicesAreDeniedAndAPolicyStays(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	release, err := denyServices(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(exec.Command(path).Run()).To(MatchError("exit status 101"))

	again, err := denyServices(path)
	g.Expect(err).NotTo(HaveOccurred())
	again()
	g.Expect(path).To(BeAnExistingFile(), "whoever found a policy does not remove it")
	release()
	g.Expect(path).NotTo(BeAnExistingFile())
}

func TestAPolicyOfAProcessThatWasKilledIsRemoved(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	_, err := denyServices(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(removeStalePolicy(path)).To(Succeed())
	g.Expect(path).To(BeAnExistingFile(), "its process lives")

	policy, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	ended := exec.Command("true")
	g.Expect(ended.Run()).To(Succeed())
	stale := strings.Replace(string(policy), strconv.Itoa(os.Getpid()), strconv.Itoa(ended.Process.Pid), 1)
	g.Expect(stale).NotTo(Equal(string(policy)))
	g.Expect(os.WriteFile(path, []byte(stale), 0o755)).To(Succeed())
	g.Expect(exec.Command(path).Run()).To(Succeed(), "it allows what another one forbade")
	g.Expect(removeStalePolicy(path)).To(Succeed())
	g.Expect(path).NotTo(BeAnExistingFile())

	g.Expect(os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755)).To(Succeed())
	g.Expect(removeStalePolicy(path)).To(Succeed())
	g.Expect(path).To(BeAnExistingFile(), "it is the machine's own")
}

func TestRuntimeIsBuiltFromItsSourceAlone(t *testing.T) {
	g := NewWithT(t)
	state := t.TempDir()
	built, err := buildRuntime(t.Context(), state, []capability{24, 39})
	g.Expect(err).NotTo(HaveOccurred())
	before, err := os.Stat(built)
	g.Expect(err).NotTo(HaveOccurred())

	// The runtime must become runc with the same arguments, after it has
	// rewritten the bundle.
	bundle := t.TempDir()
	config := filepath.Join(bundle, "config.json")
	asked := `{"process":{"capabilities":{"bounding":["CAP_KILL","CAP_SYS_RESOURCE","CAP_BPF"]}}}`
	g.Expect(os.WriteFile(config, []byte(asked), 0o644)).To(Succeed())
	fakePath(t, map[string]string{"runc": `echo "runc $*"; exit 4`})
	output, err := exec.Command(built, "create", "--bundle", bundle, "id").Output()
	g.Expect(err).To(MatchError("exit status 4"))
	g.Expect(string(output)).To(Equal("runc create --bundle " + bundle + " id\n"))
	g.Expect(os.ReadFile(config)).To(MatchJSON(`{"process":{"capabilities":{"bounding":["CAP_KILL"]}}}`))

	again, err := buildRuntime(t.Context(), state, []capability{24, 39})
	g.Expect(err).NotTo(HaveOccurred(), "there is no go on the PATH by now, so nothing was built")
	g.Expect(again).To(Equal(built))
	after, err := os.Stat(again)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after.ModTime()).To(Equal(before.ModTime()))
}
