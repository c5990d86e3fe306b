package mutation

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/fixtures/mutants"
	corev1 "k8s.io/api/core/v1"
)

func TestEveryComponentHasItsPlace(t *testing.T) {
	g := NewWithT(t)
	for _, name := range mutants.Components() {
		g.Expect(components).To(HaveKey(name))
	}
	g.Expect(components).To(HaveLen(len(mutants.Components())))
}

// sh runs a script that a node would run.
func sh(g *WithT, script string) string {
	out, err := exec.Command("sh", "-c", script).CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", script, out)
	return strings.TrimSpace(string(out))
}

func TestAProcessIsFoundByItsProgram(t *testing.T) {
	g := NewWithT(t)
	sleep, err := exec.LookPath("sleep")
	g.Expect(err).NotTo(HaveOccurred())
	// Longer than the name that the kernel keeps of a process.
	program := filepath.Join(t.TempDir(), "a-program-with-a-long-name")
	data, err := os.ReadFile(sleep)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(program, data, 0o755)).To(Succeed())

	g.Expect(sh(g, findScript(filepath.Base(program)))).To(BeEmpty())
	running := exec.Command(program, "60")
	g.Expect(running.Start()).To(Succeed())
	defer func() { _ = running.Wait() }()
	defer func() { _ = running.Process.Kill() }()
	// What the process runs is sleep until it has become the program.
	g.Eventually(func() string { return sh(g, findScript(filepath.Base(program))) }).
		Should(Equal(fmt.Sprintf("%d %s", running.Process.Pid, program)))
}

func TestProgramsAreExchangedAndPutBack(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	read := func() string {
		data, err := os.ReadFile(program)
		g.Expect(err).NotTo(HaveOccurred())
		return string(data)
	}
	p := &onNodes{paths: []string{program}}
	install := func(text string) {
		g.Expect(os.WriteFile(program+".new", []byte(text), 0o755)).To(Succeed())
		sh(g, p.exchange(p.installing(dir), dir))
		g.Expect(read()).To(Equal(text))
	}
	g.Expect(os.WriteFile(program, []byte("original"), 0o755)).To(Succeed())
	install("wrong")
	install("wrong in another way") // the original is still the original
	sh(g, p.exchange(p.restoring(dir), dir))
	g.Expect(read()).To(Equal("original"))
	// What was never installed, or is put back already, is left alone.
	sh(g, p.exchange(p.restoring(dir), dir))
	g.Expect(read()).To(Equal("original"))
	// An interrupt between copying and exchanging leaves a program beside the own one.
	g.Expect(os.WriteFile(program+".new", []byte("half"), 0o755)).To(Succeed())
	sh(g, p.exchange(p.restoring(dir), dir))
	g.Expect(program + ".new").NotTo(BeAnExistingFile())
}

func TestNothingIsExchangedWithoutItsOriginal(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	program, keptIn := filepath.Join(dir, "program"), filepath.Join(dir, "kept")
	g.Expect(os.WriteFile(program, []byte("original"), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(program+".new", []byte("wrong"), 0o755)).To(Succeed())
	// The copy cannot be made.
	g.Expect(os.MkdirAll(kept(keptIn, program)+".part/program", 0o755)).To(Succeed())
	p := &onNodes{paths: []string{program}}
	g.Expect(exec.Command("sh", "-c", p.exchange(p.installing(keptIn), keptIn)).Run()).NotTo(Succeed())
	g.Expect(os.ReadFile(program)).To(BeEquivalentTo("original"))
}

func TestAProgramIsMountedOverThatOfTheImage(t *testing.T) {
	g := NewWithT(t)
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", VolumeMounts: []corev1.VolumeMount{{Name: "certs", MountPath: "/certs"}}}}}
	mountOver(&pod, "/brought/kube-apiserver", "/usr/local/bin/kube-apiserver")
	g.Expect(pod.Volumes).To(HaveLen(1))
	g.Expect(pod.Volumes[0].HostPath.Path).To(Equal("/brought/kube-apiserver"))
	g.Expect(pod.Containers[0].VolumeMounts).To(ConsistOf(
		HaveField("MountPath", "/certs"),
		And(HaveField("MountPath", "/usr/local/bin/kube-apiserver"), HaveField("Name", pod.Volumes[0].Name)),
	))
}

func TestAFileIsReplacedByTextOfAnyKind(t *testing.T) {
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	text := "a: $HOME `date` 'quoted' \\n\nb: |\n  \"more\""
	sh(g, "set -e\n"+replaceFile(file, text))
	data, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(data)).To(Equal(text + "\n"))
	left, err := os.ReadDir(filepath.Dir(file))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left).To(HaveLen(1), "nothing half-written may stay")
}
