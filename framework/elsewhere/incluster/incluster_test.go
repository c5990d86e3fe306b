package incluster

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/podproof/podproof/framework/elsewhere/rights"
	"github.com/podproof/podproof/framework/owner"
	"github.com/podproof/podproof/framework/witness/witnessimage"
)

func tagOf(g *WithT, reference string) name.Tag {
	tag, err := name.NewTag(reference)
	g.Expect(err).NotTo(HaveOccurred())
	return tag
}

func TestImage(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	g.Expect(os.WriteFile(program, []byte("the program"), 0o700)).To(Succeed())
	known := witnessimage.Known("0a1b2c")
	known.Archive = filepath.Join(dir, "witness.tar")
	witnesses := map[name.Tag]v1.Image{}
	for reference, label := range map[string]string{known.Reference: "", known.Twin: "twin"} {
		image, err := mutate.Config(empty.Image, v1.Config{Labels: map[string]string{"is": label}})
		g.Expect(err).NotTo(HaveOccurred())
		witnesses[tagOf(g, reference)] = image
	}
	g.Expect(tarball.MultiWriteToFile(known.Archive, witnesses)).To(Succeed())

	out := filepath.Join(dir, "podproof.tar")
	image := Image{Program: program, Kubectl: program, Tag: "r.test/podproof:1", Witness: known}
	g.Expect(image.Write(out)).To(Succeed())
	g.Expect(filepath.Glob(filepath.Join(dir, ".*"))).To(BeEmpty(), "nothing half-written is left")
	for _, reference := range []string{"r.test/podproof:1", known.Reference, known.Twin} {
		tag := tagOf(g, reference)
		_, err := tarball.ImageFromPath(out, &tag)
		g.Expect(err).NotTo(HaveOccurred(), reference)
	}
	tag := tagOf(g, "r.test/podproof:1")
	written, err := tarball.ImageFromPath(out, &tag)
	g.Expect(err).NotTo(HaveOccurred())
	config, err := written.ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Architecture).To(Equal(runtime.GOARCH))
	g.Expect(config.Config.Env).To(ContainElement("PODPROOF_WITNESS_BUILD=0a1b2c"))
	g.Expect(config.Config.User).To(Equal("65534:65534"), "a number, for runAsNonRoot")
	files := tar.NewReader(mutate.Extract(written))
	found := map[string]string{}
	for {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		g.Expect(err).NotTo(HaveOccurred())
		content, err := io.ReadAll(files)
		g.Expect(err).NotTo(HaveOccurred())
		found[header.Name] = string(content)
	}
	g.Expect(found).To(Equal(map[string]string{
		"tmp": "", "usr": "", "usr/local": "", "usr/local/bin": "",
		"usr/local/bin/podproof": "the program", "usr/local/bin/kubectl": "the program",
	}))
}

func TestTagsThatWouldBePulled(t *testing.T) {
	g := NewWithT(t)
	g.Expect(CheckTag("r.test:5000/podproof:1")).To(Succeed())
	for _, bad := range []string{"r.test/podproof", "r.test/podproof:latest", "R W"} {
		g.Expect(CheckTag(bad)).NotTo(Succeed(), bad)
	}
}

func TestOnlyStaticProgramsAreTaken(t *testing.T) {
	g := NewWithT(t)
	g.Expect(CheckStatic("incluster_test.go")).To(MatchError(ContainSubstring("is no Linux program")))
	shell, err := exec.LookPath("sh")
	g.Expect(err).NotTo(HaveOccurred())
	if err := CheckStatic(shell); err != nil { // that of BusyBox is static
		g.Expect(err).To(MatchError(ContainSubstring("is linked dynamically")))
	}
}

func TestJob(t *testing.T) {
	g := NewWithT(t)
	manifest, err := Job{Image: "r.test/podproof:1", Account: rights.Account{Namespace: "tests", Name: "runner"}, Args: []string{"--profile=quick"}}.Manifest()
	g.Expect(err).NotTo(HaveOccurred())
	documents := strings.Split(string(manifest), "---\n")
	g.Expect(documents).To(HaveLen(5), "namespace, account, role, binding, Job")
	var job batchv1.Job
	g.Expect(yaml.UnmarshalStrict([]byte(documents[4]), &job)).To(Succeed())
	g.Expect(job.Namespace).To(Equal("tests"))
	pod := job.Spec.Template.Spec
	g.Expect(pod.ServiceAccountName).To(Equal("runner"))
	g.Expect(pod.Containers[0].Env).To(ConsistOf(HaveField("Name", owner.PodVariable), HaveField("Name", JobVariable)))
	g.Expect(pod.RestartPolicy).To(Equal(corev1.RestartPolicyNever))
	g.Expect(*job.Spec.BackoffLimit).To(BeZero())
	g.Expect(pod.Containers[0].Args).To(Equal([]string{"run", "--in-cluster", "--profile=quick"}))
	g.Expect(documents[4]).NotTo(Or(ContainSubstring("status"), ContainSubstring("metadata: {}")))

	confined := Job{Image: "i:1", Account: rights.Account{Namespace: "c", Name: "runner"}, Namespaces: []string{"a", "b"}}
	manifest, err = confined.Manifest()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(manifest)).NotTo(ContainSubstring("ClusterRole"))
}

func TestShardsOfAJob(t *testing.T) {
	g := NewWithT(t)
	args := []string{"--nodes=all"}
	manifest, err := Job{Image: "i:1", Account: rights.Account{Namespace: "a", Name: "runner"}, Shards: 3, Args: args}.Manifest()
	g.Expect(err).NotTo(HaveOccurred())
	documents := strings.Split(string(manifest), "---\n")
	var job batchv1.Job
	g.Expect(yaml.UnmarshalStrict([]byte(documents[4]), &job)).To(Succeed())
	g.Expect(*job.Spec.CompletionMode).To(Equal(batchv1.IndexedCompletion))
	g.Expect(*job.Spec.Completions).To(BeEquivalentTo(3))
	g.Expect(*job.Spec.Parallelism).To(BeEquivalentTo(3))
	g.Expect(job.Spec.BackoffLimit).To(BeNil(), "one nonconformant node would end all shards")
	g.Expect(*job.Spec.BackoffLimitPerIndex).To(BeZero())
	g.Expect(job.Spec.Template.Spec.Containers[0].Args).To(Equal([]string{"run", "--in-cluster", "--nodes=all", "--shard=$(JOB_COMPLETION_INDEX)/3"}))
	g.Expect(args).To(HaveLen(1))
}

func TestPlugin(t *testing.T) {
	g := NewWithT(t)
	text, err := Plugin("r.test/podproof:1", []string{"--focus=NET-01"})
	g.Expect(err).NotTo(HaveOccurred())
	// As Sonobuoy reads it.
	var plugin struct {
		Config struct {
			Driver, Description string
			Name                string `json:"plugin-name"`
			Format              string `json:"result-format"`
		} `json:"sonobuoy-config"`
		Spec corev1.Container `json:"spec"`
	}
	g.Expect(yaml.UnmarshalStrict(text, &plugin)).To(Succeed())
	g.Expect(plugin.Config.Driver).To(Equal("Job"))
	g.Expect(plugin.Config.Name).To(Equal("podproof"))
	g.Expect(plugin.Config.Format).To(Equal("junit"))
	g.Expect(plugin.Spec.Args).To(Equal([]string{"run", "--in-cluster", "--sonobuoy", "--focus=NET-01"}))
	g.Expect(plugin.Spec.VolumeMounts).To(Equal([]corev1.VolumeMount{{Name: "results", MountPath: "/tmp/sonobuoy/results"}}))
}

// worker does what Sonobuoy's does beside a plugin: it waits for the done file, takes all
// that is in it for a path, tells the type by what follows the first dot, and sends that.
func worker(g *WithT, dir string) map[string]string {
	var done []byte
	g.Eventually(func() (err error) {
		done, err = os.ReadFile(filepath.Join(dir, "done"))
		return err
	}).WithTimeout(5 * time.Second).WithPolling(time.Millisecond).Should(Succeed())
	_, ending, _ := strings.Cut(filepath.Base(string(done)), ".")
	g.Expect(ending).To(Equal("tar.gz"))
	file, err := os.Open(string(done))
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	g.Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	for results := tar.NewReader(compressed); ; {
		header, err := results.Next()
		if err == io.EOF {
			return found
		}
		g.Expect(err).NotTo(HaveOccurred())
		content, err := io.ReadAll(results)
		g.Expect(err).NotTo(HaveOccurred())
		found[header.Name] = string(content)
	}
}

func TestHandOver(t *testing.T) {
	g := NewWithT(t)
	run, dir := t.TempDir(), filepath.Join(t.TempDir(), "results")
	g.Expect(os.Mkdir(filepath.Join(run, "evidence"), 0o700)).To(Succeed())
	for file, text := range map[string]string{"junit.xml": "<testsuites/>", "evidence/story.txt": "a story"} {
		g.Expect(os.WriteFile(filepath.Join(run, file), []byte(text), 0o600)).To(Succeed())
	}
	g.Expect(os.Symlink("/etc/passwd", filepath.Join(run, "podproof.test"))).To(Succeed())
	failed := make(chan error, 1)
	go func() { failed <- HandOver(run, dir) }()
	g.Expect(worker(g, dir)).To(Equal(map[string]string{"junit.xml": "<testsuites/>", "evidence/story.txt": "a story"}))
	g.Expect(<-failed).NotTo(HaveOccurred())
	g.Expect(filepath.Glob(filepath.Join(dir, ".*"))).To(BeEmpty(), "nothing half-written is left")
}

func TestWhereSonobuoyWaits(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("SONOBUOY_RESULTS_DIR", "")
	g.Expect(ResultsDir()).To(Equal("/tmp/sonobuoy/results"))
	t.Setenv("SONOBUOY_RESULTS_DIR", "/elsewhere")
	g.Expect(ResultsDir()).To(Equal("/elsewhere"))
}
