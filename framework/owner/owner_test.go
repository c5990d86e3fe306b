package owner

import (
	"os/exec"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestOnlyNamespacesOfEndedRunsAreAbandoned(t *testing.T) {
	now := time.Now()
	dead := func(int) bool { return false }
	living := func(int) bool { return true }
	for name, c := range map[string]struct {
		owner string
		age   time.Duration
		alive func(int) bool
		want  bool
	}{
		"this machine, process lives":       {"here/12", 5 * time.Hour, living, false},
		"this machine, process has ended":   {"here/12", time.Second, dead, true},
		"other machine, young":              {"there/12", time.Hour, dead, false},
		"other machine, older than any run": {"there/12", 4 * time.Hour, living, true},
		"nobody knows, young":               {"", time.Hour, dead, false},
		"nobody knows, older than any run":  {"", 4 * time.Hour, dead, true},
		"owner that makes no sense, young":  {"here/x", time.Minute, dead, false},
	} {
		t.Run(name, func(t *testing.T) {
			meta := metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-c.age))}
			Mark(&meta, "run", c.owner)
			NewWithT(t).Expect(abandoned(meta, "here", c.alive, now)).To(Equal(c.want))
		})
	}
}

func TestOnlyProcessesOfThisMachineAreKnownToHaveEnded(t *testing.T) {
	g := NewWithT(t)
	dead := func(int) bool { return false }
	living := func(int) bool { return true }
	g.Expect(ended("here/12", "here", dead)).To(BeTrue())
	g.Expect(ended("here/12", "here", living)).To(BeFalse())
	g.Expect(ended("there/12", "here", dead)).To(BeFalse())
	g.Expect(ended("here/x", "here", dead)).To(BeFalse())
	g.Expect(Ended(Current())).To(BeFalse())
}

func TestPodsOfTheSameNameAreNotTheSameMachine(t *testing.T) {
	g := NewWithT(t)
	var meta metav1.ObjectMeta
	meta.CreationTimestamp = metav1.NewTime(time.Now().Add(-4 * time.Hour))
	t.Setenv(PodVariable, "a1")
	Mark(&meta, "run", Current())
	g.Expect(Abandoned(meta)).To(BeFalse(), "its process is this one")
	t.Setenv(PodVariable, "b2")
	g.Expect(Abandoned(meta)).To(BeTrue(), "that process 1 is alive here says nothing about the one of another pod")
	meta.CreationTimestamp = metav1.Now()
	g.Expect(Abandoned(meta)).To(BeFalse())
}

func TestThisProcessIsAliveAndAnEndedOneIsNot(t *testing.T) {
	g := NewWithT(t)
	var meta metav1.ObjectMeta
	meta.CreationTimestamp = metav1.Now()
	Mark(&meta, "run", Current())
	g.Expect(Abandoned(meta)).To(BeFalse())

	ended := exec.Command("true")
	g.Expect(ended.Start()).To(Succeed())
	if runtime.GOOS == "linux" {
		g.Eventually(func() bool { return alive(ended.Process.Pid) }).Should(BeFalse(), "nobody has waited for it")
	}
	g.Expect(ended.Wait()).To(Succeed())
	g.Expect(alive(ended.Process.Pid)).To(BeFalse())
}
