package rights

import (
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"
)

// kinds are the kinds of the objects in a manifest.
func kinds(g *WithT, manifest []byte) []string {
	var all []string
	for _, text := range strings.Split(string(manifest), "---\n") {
		var object struct {
			Kind     string
			Metadata struct{ Namespace, Name string }
		}
		g.Expect(yaml.Unmarshal([]byte(text), &object)).To(Succeed())
		all = append(all, strings.TrimSpace(object.Kind+" "+object.Metadata.Namespace+"/"+object.Metadata.Name))
	}
	return all
}

func TestManifest(t *testing.T) {
	g := NewWithT(t)
	whole, err := Manifest(Account{"tests", "runner"}, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kinds(g, whole)).To(Equal([]string{"Namespace /tests", "ServiceAccount tests/runner", "ClusterRole /podproof", "ClusterRoleBinding /podproof"}))
	g.Expect(string(whole)).NotTo(Or(ContainSubstring("status:"), ContainSubstring("spec:"), ContainSubstring("creationTimestamp")))

	confined, err := Manifest(Account{"a", "runner"}, []string{"a", "b"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kinds(g, confined)).To(Equal([]string{"ServiceAccount a/runner", "Role a/podproof", "RoleBinding a/podproof", "Role b/podproof", "RoleBinding b/podproof"}))
	g.Expect(string(confined)).NotTo(Or(ContainSubstring("ClusterRole"), ContainSubstring("nodes"), ContainSubstring("namespaces\n"), ContainSubstring("nonResourceURLs")),
		"nothing of the whole cluster")
	var role rbacv1.Role
	g.Expect(yaml.UnmarshalStrict([]byte(strings.Split(string(confined), "---\n")[1]), &role)).To(Succeed())
	g.Expect(role.Rules).To(Equal(Namespaced()))
}

func TestParseAccount(t *testing.T) {
	g := NewWithT(t)
	g.Expect(ParseAccount("tests/runner")).To(Equal(Account{"tests", "runner"}))
	for _, bad := range []string{"", "runner", "/runner", "tests/", "Tests/runner", "a/b/c"} {
		_, err := ParseAccount(bad)
		g.Expect(err).To(MatchError(ContainSubstring("write NAMESPACE/NAME")), bad)
	}
}

func TestNoRightIsThereTwiceOrForEverything(t *testing.T) {
	for name, rules := range map[string][]rbacv1.PolicyRule{"cluster": Cluster(), "namespace": Namespaced()} {
		seen := map[string]bool{}
		for _, q := range questionsOf(rules, "") {
			if seen[q.text] || strings.Contains(q.text, "*") {
				t.Errorf("%s: %s", name, q.text)
			}
			seen[q.text] = true
		}
	}
}

// withRights is a client whose user is refused what refuse says.
func withRights(refuse func(authorizationv1.SelfSubjectAccessReviewSpec) bool) *fake.Clientset {
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		review.Status.Allowed = !refuse(review.Spec)
		return true, review, nil
	})
	return client
}

func TestCheck(t *testing.T) {
	g := NewWithT(t)
	all := func(authorizationv1.SelfSubjectAccessReviewSpec) bool { return false }
	g.Expect(Check(t.Context(), withRights(all), nil)).To(Succeed())
	g.Expect(Check(t.Context(), withRights(all), []string{"a"})).To(Succeed())

	err := Check(t.Context(), withRights(func(s authorizationv1.SelfSubjectAccessReviewSpec) bool {
		return s.NonResourceAttributes != nil || s.ResourceAttributes.Subresource == "exec" || s.ResourceAttributes.Resource == "nodes"
	}), nil)
	var missing *MissingError
	g.Expect(errors.As(err, &missing)).To(BeTrue())
	g.Expect(missing.Rights).To(Equal([]string{"get nodes", "list nodes", "get /metrics", "get pods/exec", "create pods/exec"}))

	err = Check(t.Context(), withRights(func(s authorizationv1.SelfSubjectAccessReviewSpec) bool {
		return s.ResourceAttributes.Namespace == "b" && s.ResourceAttributes.Group == "discovery.k8s.io"
	}), []string{"a", "b"})
	g.Expect(err).To(MatchError("the user lacks rights that a run needs, which `podproof rbac --namespaces=a,b` prints roles for:\n  list endpointslices in namespace b\n  watch endpointslices in namespace b"))
}

func TestCheckWithoutAnAnswerSaysNothingIsMissing(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("away")
	})
	err := Check(t.Context(), client, nil)
	g.Expect(err).To(MatchError(And(ContainSubstring("ask whether the user may"), ContainSubstring("away"))))
	var missing *MissingError
	g.Expect(errors.As(err, &missing)).To(BeFalse())
}
