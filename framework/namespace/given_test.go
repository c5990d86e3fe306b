package namespace

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/owner"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// meta is that of an object that a run of this process, "mine", one that has ended,
// "dead", one that lives elsewhere, "theirs", or nobody's, "", has created.
func meta(name, run string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: "n", Name: name, CreationTimestamp: metav1.NewTime(time.Now())}
	switch run {
	case "mine":
		owner.Mark(&m, run, owner.Current())
	case "dead":
		owner.Mark(&m, run, owner.Current())
		m.CreationTimestamp = metav1.NewTime(time.Now().Add(-24 * time.Hour))
		m.Annotations = nil // by then nobody's who lives
	case "theirs":
		owner.Mark(&m, run, "elsewhere/1")
	}
	return m
}

func TestSortOut(t *testing.T) {
	g := NewWithT(t)
	runs, strange := sortOut(map[string]metav1.ObjectMeta{
		"pod a": meta("a", "mine"), "pod b": meta("b", "mine"), "pod c": meta("c", "dead"),
		"pod d": meta("d", "theirs"), "pod e": meta("e", ""), "service a": meta("a", "dead"),
	}, "mine")
	g.Expect(runs).To(Equal([]string{"mine", "dead"}))
	g.Expect(strange).To(Equal([]string{"pod d", "pod e"}))
}

// collections makes the fake delete collections by their labels, and note how.
func collections(client *fake.Clientset, asked *[]string) {
	client.PrependReactor("delete-collection", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		a := action.(clienttesting.DeleteCollectionAction)
		*asked = append(*asked, a.GetResource().Resource+" "+a.GetListRestrictions().Labels.String())
		if a.GetResource().Resource != "pods" {
			return true, nil, nil
		}
		list, err := client.Tracker().List(a.GetResource(), corev1.SchemeGroupVersion.WithKind("Pod"), a.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		for _, p := range list.(*corev1.PodList).Items {
			if a.GetListRestrictions().Labels.Matches(labels.Set(p.Labels)) {
				err = errors.Join(err, client.Tracker().Delete(a.GetResource(), a.GetNamespace(), p.Name))
			}
		}
		return true, nil, err
	})
}

func TestVacateRemovesOnlyWhatIsTheRuns(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset(
		&corev1.Pod{ObjectMeta: meta("mine", "mine")}, &corev1.Pod{ObjectMeta: meta("dead", "dead")},
		&corev1.Service{ObjectMeta: meta("dead", "dead")}, &corev1.Service{ObjectMeta: meta("other", "")},
		&corev1.ConfigMap{ObjectMeta: meta("kube-root-ca.crt", "")})
	var asked []string
	collections(client, &asked)
	connection := &api.Connection{Client: client}
	g.Expect(Vacate(t.Context(), connection, "n", "mine")).To(Succeed())
	g.Expect(asked).To(ConsistOf("pods podproof.test/run=mine", "configmaps podproof.test/run=mine", "pods podproof.test/run=dead", "configmaps podproof.test/run=dead"))
	_, err := client.CoreV1().Services("n").Get(t.Context(), "other", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred(), "what is not the run's stays")
	_, err = client.CoreV1().Services("n").Get(t.Context(), "dead", metav1.GetOptions{})
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue())

	asked = nil
	g.Expect(Vacate(t.Context(), connection, "n", "mine")).To(Succeed())
	g.Expect(asked).To(BeEmpty(), "in a free namespace there is nothing to delete")
}

func TestVacateRefusesANamespaceWithPodsOfOthers(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset(&corev1.Pod{ObjectMeta: meta("db-0", "")}, &corev1.Pod{ObjectMeta: meta("left", "dead")})
	var asked []string
	collections(client, &asked)
	g.Expect(Vacate(t.Context(), &api.Connection{Client: client}, "n", "mine")).To(MatchError("namespace n is not empty: it has pod db-0, which this run did not make; give podproof namespaces without pods"))
	g.Expect(asked).To(BeEmpty(), "then nothing is deleted")
}

func space(info *cluster.Info) *Space {
	return &Space{Ground: &Ground{Cluster: info, RunID: "mine", Owner: "here/1"}}
}

func TestFit(t *testing.T) {
	g := NewWithT(t)
	plain := func() *corev1.Pod { return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}} }

	p := plain()
	space(&cluster.Info{}).Fit(p)
	g.Expect(p).To(Equal(plain()), "there is nothing to do in a namespace of its own, on any node")
	g.Expect(space(&cluster.Info{}).FitFlags()).To(BeEmpty())

	given := space(&cluster.Info{Namespaces: []string{"n"}, NodeSelector: map[string]string{"pool": "tests"}})
	given.Fit(p)
	g.Expect(p.Labels).To(Equal(map[string]string{"podproof.test/run": "mine"}))
	g.Expect(p.Spec.NodeSelector).To(Equal(map[string]string{"pool": "tests"}))
	g.Expect(given.FitFlags()).To(HaveExactElements(And(HavePrefix("--overrides={"),
		ContainSubstring(`"labels":{"podproof.test/run":"mine"}`), ContainSubstring(`"nodeSelector":{"pool":"tests"}`), ContainSubstring(`"apiVersion":"v1"`))))

	p = plain()
	p.Spec.NodeSelector = map[string]string{"no": "node"}
	given.Fit(p)
	g.Expect(p.Spec.NodeSelector).To(Equal(map[string]string{"pool": "tests", "no": "node"}))
	p = plain()
	p.Spec.NodeName = "here"
	given.Fit(p)
	g.Expect(p.Spec.NodeSelector).To(BeEmpty(), "a pod that names its node")
}
