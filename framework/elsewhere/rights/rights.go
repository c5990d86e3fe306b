// Package rights holds what a run has to be allowed on a cluster that is there
// already: the one list from which roles are printed, and against which the rights of
// a user are checked before anything runs.
//
// What every user may do on a cluster with the default roles is not in it: read the
// version, the readiness and the discovery of the API (system:discovery,
// system:public-info-viewer), and ask for one's own rights (system:basic-user).
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
package rights

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// inNamespace is what specs do in the namespaces that they run in.
var inNamespace = []rbacv1.PolicyRule{
	// Specs create pods, read and list them as kubectl does, watch them for the journal,
	// patch their images, labels and finalizers, and delete them; what a spec leaves is
	// deleted as a collection.
	rule("", []string{"pods"}, "create", "get", "list", "watch", "patch", "delete", "deletecollection"),
	// That the kubelet writes over a status that others wrote is a claim.
	rule("", []string{"pods/status"}, "patch"),
	// The inside view: what witnesses log, and what they answer over HTTP.
	rule("", []string{"pods/log"}, "get"),
	rule("", []string{"pods/proxy"}, "get"),
	// Exec opens a WebSocket, which is a GET; since Kubernetes 1.35 the server asks for
	// create beside it, as it always did for SPDY.
	rule("", []string{"pods/exec"}, "get", "create"),
	// The journal follows the events of the pods; kubectl describe and kubectl events
	// list them.
	rule("", []string{"events"}, "list", "watch"),
	// Claims on readiness need a Service and follow its endpoints.
	rule("", []string{"services"}, "create"),
	rule("discovery.k8s.io", []string{"endpointslices"}, "list", "watch"),
	// A Pod waits for a ConfigMap that the spec makes later.
	rule("", []string{"configmaps"}, "create"),
}

// inGivenNamespace is what else a run does in a namespace that it did not make: there
// no deletion of the namespace takes away what specs have left.
var inGivenNamespace = []rbacv1.PolicyRule{
	rule("", []string{"services"}, "list", "delete"),
	rule("", []string{"configmaps"}, "list", "deletecollection"),
}

// clusterWide is what else a run does that makes its own namespaces.
var clusterWide = []rbacv1.PolicyRule{
	// A namespace for each spec; those of the run, and those that dead runs have left,
	// are found by their label and are watched until they are gone.
	rule("", []string{"namespaces"}, "create", "list", "watch", "delete"),
	// No pod can be created in a new namespace before its default ServiceAccount is there.
	rule("", []string{"serviceaccounts"}, "list", "watch"),
	// Which nodes there are, with their versions, addresses, taints and labels; a spec
	// reads the node that its pod is on.
	rule("", []string{"nodes"}, "get", "list"),
	// The metrics of the API server tell which feature gates are on.
	{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}},
}

func rule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// Namespaced are the rules for each namespace of a run that is confined to given
// namespaces.
func Namespaced() []rbacv1.PolicyRule { return slices.Concat(inNamespace, inGivenNamespace) }

// Cluster are the rules, for the whole cluster, of a run that makes its own namespaces.
func Cluster() []rbacv1.PolicyRule { return slices.Concat(clusterWide, inNamespace) }
