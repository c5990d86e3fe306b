package existing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/podproof/podproof/framework/api/apitest"
	"github.com/podproof/podproof/framework/cluster"
	"github.com/podproof/podproof/framework/elsewhere/rights"
)

// writeKubeconfig writes a kubeconfig with the contexts one, current, and two.
func writeKubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	content := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "one",
		"clusters": [{"name": "c", "cluster": {"server": %q}}],
		"users": [{"name": "u", "user": {"token": "t"}}],
		"contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}, {"name": "two", "context": {"cluster": "c", "user": "u"}}]}`, server)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// api is a server with the given nodes, whose users may do
// everything but in the namespace "forbidden"; refuse makes it answer with a status instead.
func api(t *testing.T, refuse int, nodes ...corev1.Node) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if refuse != 0 {
			w.WriteHeader(refuse)
			json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
				Status: metav1.StatusFailure, Code: int32(refuse), Reason: metav1.StatusReason(strings.ReplaceAll(http.StatusText(refuse), " ", ""))})
			return
		}
		switch r.URL.Path {
		case "/version":
			json.NewEncoder(w).Encode(version.Info{GitVersion: "v1.36.3"})
		case "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
			review := authorizationv1.SelfSubjectAccessReview{}
			body, err := io.ReadAll(r.Body)
			if err == nil {
				_, _, err = scheme.Codecs.UniversalDeserializer().Decode(body, nil, &review)
			}
			if err != nil {
				t.Error(err)
			}
			review.TypeMeta = metav1.TypeMeta{Kind: "SelfSubjectAccessReview", APIVersion: authorizationv1.SchemeGroupVersion.String()}
			review.Status.Allowed = review.Spec.ResourceAttributes == nil || review.Spec.ResourceAttributes.Namespace != "forbidden"
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(review)
		case "/api/v1/nodes":
			json.NewEncoder(w).Encode(corev1.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}, Items: nodes})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestExistingCluster(t *testing.T) {
	g := NewWithT(t)
	server := api(t, 0, *apitest.Node("b"), *apitest.Node("a"))
	path := writeKubeconfig(t, server)
	info, err := Look(t.Context(), Request{Kubeconfig: path})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Context).To(Equal("one"))
	g.Expect(info.ServerVersion).To(Equal("v1.36.3"))
	g.Expect(info.Nodes).To(HaveLen(2))
	g.Expect(info.Nodes[0].Name).To(Equal("a"))
	g.Expect([]bool{info.Kind, info.Own}).To(Equal([]bool{false, false}))
	g.Expect(info.Control).To(BeNil(), "its nodes are out of reach")

	config, err := info.RESTConfig("podproof/test")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(config.Host).To(Equal(server))
	g.Expect(config.UserAgent).To(Equal("podproof/test"))

	// Another process is handed the information as JSON.
	handed, err := json.Marshal(info)
	g.Expect(err).NotTo(HaveOccurred())
	var there cluster.Info
	g.Expect(json.Unmarshal(handed, &there)).To(Succeed())
	g.Expect(there).To(Equal(*info))

	info, err = Look(t.Context(), Request{Kubeconfig: path, Context: "two"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Context).To(Equal("two"))
}

func TestExistingSaysWhatIsWrong(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	nobody := "http://" + listener.Addr().String()
	listener.Close()
	broken := filepath.Join(t.TempDir(), "broken")
	NewWithT(t).Expect(os.WriteFile(broken, []byte("clusters: [}"), 0o600)).To(Succeed())
	empty := filepath.Join(t.TempDir(), "empty")
	NewWithT(t).Expect(os.WriteFile(empty, nil, 0o600)).To(Succeed())

	tests := map[string]struct {
		kubeconfig, context string
		want                []string
	}{
		"no such file":          {"/no/such/file", "", []string{"kubeconfig /no/such/file does not exist"}},
		"not readable":          {t.TempDir(), "", []string{"cannot be read"}},
		"not a kubeconfig":      {broken, "", []string{broken + " is not a kubeconfig"}},
		"an empty file":         {empty, "", []string{"no context is given, and the kubeconfig has no current one: it has no contexts"}},
		"no such context":       {writeKubeconfig(t, nobody), "three", []string{`no context "three"`, "it has one, two"}},
		"pointing at nothing":   {writeKubeconfig(t, nobody), "", []string{"context one at " + nobody + " does not answer", "connection refused"}},
		"unknown to the API":    {writeKubeconfig(t, api(t, http.StatusUnauthorized)), "", []string{"refuses the user of context one"}},
		"not allowed":           {writeKubeconfig(t, api(t, http.StatusForbidden)), "", []string{"refuses the user of context one"}},
		"one of two is missing": {writeKubeconfig(t, nobody) + ":/no/such/file", "", []string{"/no/such/file does not exist"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := Look(t.Context(), Request{Kubeconfig: test.kubeconfig, Context: test.context})
			g.Expect(err).To(HaveOccurred())
			for _, words := range test.want {
				g.Expect(err.Error()).To(ContainSubstring(words))
			}
		})
	}
}

func TestExistingWithoutAnyKubeconfig(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("KUBECONFIG", "/no/such/a:/no/such/b")
	_, err := Look(t.Context(), Request{})
	g.Expect(err).To(MatchError(ContainSubstring("none of /no/such/a, /no/such/b exists")))

	there := writeKubeconfig(t, api(t, 0, *apitest.Node("a")))
	t.Setenv("KUBECONFIG", "/no/such/a:"+there)
	info, err := Look(t.Context(), Request{})
	g.Expect(err).NotTo(HaveOccurred(), "what is not there is passed over, as kubectl does")
	g.Expect(info.Kubeconfig).To(Equal(there))
}

func TestConfinedRunAsksForNoNodes(t *testing.T) {
	g := NewWithT(t)
	path := writeKubeconfig(t, api(t, 0)) // which would answer an empty list of nodes
	info, err := Look(t.Context(), Request{Kubeconfig: path, Namespaces: []string{"a", "b"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Confined()).To(BeTrue())
	g.Expect(info.ServerVersion).To(Equal("v1.36.3"))
	g.Expect(info.Nodes).To(BeEmpty())

	_, err = Look(t.Context(), Request{Kubeconfig: path, Namespaces: []string{"forbidden"}})
	var missing *rights.MissingError
	g.Expect(errors.As(err, &missing)).To(BeTrue())
	g.Expect(err).To(MatchError(And(HavePrefix("context one: the user lacks rights"), ContainSubstring("\n  create pods in namespace forbidden\n"))))
}

func TestNodesThatAreNotUsed(t *testing.T) {
	g := NewWithT(t)
	pool := func(n *corev1.Node) { n.Labels = map[string]string{"pool": "tests"} }
	up := apitest.Ready(corev1.ConditionTrue, "KubeletReady", time.Now())
	taint := func(key string, effect corev1.TaintEffect) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: effect}) }
	}
	path := writeKubeconfig(t, api(t, 0,
		*apitest.Node("a", pool, up), *apitest.Node("b", up),
		*apitest.Node("c", pool, up, taint("gpu", corev1.TaintEffectNoExecute), taint("soft", corev1.TaintEffectPreferNoSchedule)),
		*apitest.Node("d", pool, up, taint(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule), func(n *corev1.Node) { n.Spec.Unschedulable = true }),
		*apitest.Node("e", pool)))
	info, err := Look(t.Context(), Request{Kubeconfig: path, NodeSelector: map[string]string{"pool": "tests"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Nodes).To(HaveLen(5), "all are in the record")
	g.Expect(info.UnusedNodes()).To(Equal("node b (not chosen by its labels), node c (tainted: gpu), node d (cordoned), node e (not Ready)"))

	for selector, want := range map[string]string{
		"pool=test":   "node-selector: none of the 5 nodes has pool=test; there are pool=tests",
		"group=tests": "node-selector: none of the 5 nodes has group=tests; there are pool=tests",
	} {
		key, value, _ := strings.Cut(selector, "=")
		_, err = Look(t.Context(), Request{Kubeconfig: path, NodeSelector: map[string]string{key: value}})
		var nowhere *NoSuchNodeError
		g.Expect(errors.As(err, &nowhere)).To(BeTrue())
		g.Expect(err).To(MatchError(want))
	}
}

func TestOfAnothersClusterNoNodeIsReserved(t *testing.T) {
	g := NewWithT(t)
	reserved := apitest.Node("a", func(n *corev1.Node) {
		n.Labels = map[string]string{cluster.ReservedKey: cluster.ReservedValue}
		n.Spec.Taints = []corev1.Taint{{Key: cluster.ReservedKey, Effect: corev1.TaintEffectNoSchedule}}
	})
	info, err := Look(t.Context(), Request{Kubeconfig: writeKubeconfig(t, api(t, 0, *reserved))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Nodes).To(HaveLen(1))
	g.Expect(info.ReservedNode()).To(BeNil(), "whatever its labels say")
}
