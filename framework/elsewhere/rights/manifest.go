package rights

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// roleName is the name of the roles and of their bindings.
const roleName = "podproof"

// Account is the ServiceAccount that is given the rights.
type Account struct{ Namespace, Name string }

// ParseAccount reads NAMESPACE/NAME.
func ParseAccount(text string) (Account, error) {
	namespace, name, found := strings.Cut(text, "/")
	if !found || len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return Account{}, fmt.Errorf("%q is no service account; write NAMESPACE/NAME", text)
	}
	return Account{namespace, name}, nil
}

// Manifest is, as YAML for kubectl, the account with all that a run needs and no more:
// a ClusterRole for a run that makes its own namespaces, or a Role in each of the
// given namespaces for one that is confined to these. In the first case the namespace
// of the account is in it too.
func Manifest(account Account, namespaces []string) ([]byte, error) {
	subject := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}}
	var objects []any
	if len(namespaces) == 0 {
		objects = append(objects, &corev1.Namespace{TypeMeta: kind("v1", "Namespace"), ObjectMeta: metav1.ObjectMeta{Name: account.Namespace}})
	}
	objects = append(objects, &corev1.ServiceAccount{TypeMeta: kind("v1", "ServiceAccount"), ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: account.Name}})
	if len(namespaces) == 0 {
		objects = append(objects,
			&rbacv1.ClusterRole{TypeMeta: kind(rbacv1.SchemeGroupVersion.String(), "ClusterRole"), ObjectMeta: metav1.ObjectMeta{Name: roleName}, Rules: Cluster()},
			&rbacv1.ClusterRoleBinding{TypeMeta: kind(rbacv1.SchemeGroupVersion.String(), "ClusterRoleBinding"), ObjectMeta: metav1.ObjectMeta{Name: roleName},
				Subjects: subject, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: roleName}})
	}
	for _, namespace := range namespaces {
		meta := metav1.ObjectMeta{Namespace: namespace, Name: roleName}
		objects = append(objects,
			&rbacv1.Role{TypeMeta: kind(rbacv1.SchemeGroupVersion.String(), "Role"), ObjectMeta: meta, Rules: Namespaced()},
			&rbacv1.RoleBinding{TypeMeta: kind(rbacv1.SchemeGroupVersion.String(), "RoleBinding"), ObjectMeta: meta,
				Subjects: subject, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: roleName}})
	}
	var out bytes.Buffer
	for i, object := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, err
		}
		// What a person would not write.
		for _, empty := range []string{"spec: {}\n", "status: {}\n"} {
			text = bytes.ReplaceAll(text, []byte(empty), nil)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

func kind(version, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: version, Kind: kind}
}
