package backoff

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/spec"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespace is spec.Namespace. When a spec fails, it also asks the nodes whether they
// are configured with other delays than the default ones.
func namespace() *spec.Space {
	ns := spec.Namespace()
	BeforeEach(func() {
		DeferOnFailure(func(ctx SpecContext) { excuseConfigured(ctx, ns) }, NodeTimeout(time.Minute))
	})
	return ns
}

// excuseConfigured makes the spec inconclusive on a node with another configuration,
// if the user may read it. The nodes of our own clusters have the default one.
func excuseConfigured(ctx context.Context, ns *spec.Space) {
	if ns.Cluster.Own {
		return
	}
	asked := map[string]bool{"": true}
	for _, story := range ns.Journal().Stories() {
		last := story.Last()
		if last == nil || asked[last.Spec.NodeName] {
			continue
		}
		node := last.Spec.NodeName
		asked[node] = true
		other, err := configured(ctx, ns, node)
		if err != nil {
			fmt.Fprintf(GinkgoWriter, "the configuration of node %s is unknown: %v\n", node, err)
		}
		if other != "" {
			claim.Inconclusive(fmt.Sprintf("node %s is configured with %s, and the claim is about the default", node, other))
		}
	}
}

// configured returns the setting of the node's kubelet that changes the delays, or "".
func configured(ctx context.Context, ns *spec.Space, node string) (string, error) {
	// A refused request would count as one that the spec needs.
	may, err := ns.API.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: "get", Resource: "nodes", Subresource: "proxy", Name: node,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	if !may.Status.Allowed {
		return "", fmt.Errorf("the user may not get nodes/proxy")
	}
	config, err := ns.API.Client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix("configz").DoRaw(ctx)
	if err != nil {
		return "", err
	}
	return otherThanDefault(config)
}

// otherThanDefault names the setting in a kubelet's answer to /configz that changes its
// delays from the documented default.
// https://kubernetes.io/docs/concepts/workloads/pods/container-restarts/
func otherThanDefault(configz []byte) (string, error) {
	var answer struct {
		Kubelet struct {
			CrashLoopBackOff struct {
				MaxContainerRestartPeriod *metav1.Duration `json:"maxContainerRestartPeriod"`
			} `json:"crashLoopBackOff"`
			FeatureGates map[string]bool `json:"featureGates"`
		} `json:"kubeletconfig"`
	}
	if err := json.Unmarshal(configz, &answer); err != nil {
		return "", fmt.Errorf("the answer to /configz: %w", err)
	}
	const reduced = "ReduceDefaultCrashLoopBackOffDecay"
	if answer.Kubelet.FeatureGates[reduced] {
		return "the feature gate " + reduced, nil
	}
	if longest := answer.Kubelet.CrashLoopBackOff.MaxContainerRestartPeriod; longest != nil && longest.Duration != ceiling {
		return fmt.Sprintf("crashLoopBackOff.maxContainerRestartPeriod %s", longest.Duration), nil
	}
	return "", nil
}
