package rights

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// askAtOnce is how many questions are under way at the same time: an API that answers
// slowly must not hold a run up for each right.
const askAtOnce = 8

// MissingError says which rights a run needs that the user does not have.
type MissingError struct {
	// Rights are one to a line, such as "create pods/exec in namespace a".
	Rights []string
	// Namespaces are those that the run is confined to, if any.
	Namespaces []string
}

func (e *MissingError) Error() string {
	command := "podproof rbac"
	if len(e.Namespaces) > 0 {
		command += " --namespaces=" + strings.Join(e.Namespaces, ",")
	}
	return fmt.Sprintf("the user lacks rights that a run needs, which `%s` prints roles for:\n  %s", command, strings.Join(e.Rights, "\n  "))
}

// Check asks the API server, right by right, whether the user has all that a run needs:
// one that is confined to the namespaces, or, without any, one that makes its own. The
// error is a MissingError when there is an answer to every question.
func Check(ctx context.Context, client kubernetes.Interface, namespaces []string) error {
	var questions []question
	if len(namespaces) == 0 {
		questions = questionsOf(Cluster(), "")
	}
	for _, namespace := range namespaces {
		questions = append(questions, questionsOf(Namespaced(), namespace)...)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for i := range questions {
		group.Go(func() error {
			q := &questions[i]
			answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: q.ask}, metav1.CreateOptions{})
			if err != nil {
				return fmt.Errorf("ask whether the user may %s: %w", q.text, err)
			}
			q.allowed = answer.Status.Allowed
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var missing []string
	for _, q := range questions {
		if !q.allowed {
			missing = append(missing, q.text)
		}
	}
	if len(missing) > 0 {
		return &MissingError{Rights: missing, Namespaces: namespaces}
	}
	return nil
}

// question is one right.
type question struct {
	text    string
	ask     authorizationv1.SelfSubjectAccessReviewSpec
	allowed bool
}

// questionsOf are the rights that rules give in a namespace, or, with "", in all.
func questionsOf(rules []rbacv1.PolicyRule, namespace string) []question {
	var all []question
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, url := range rule.NonResourceURLs {
				all = append(all, question{text: verb + " " + url, ask: authorizationv1.SelfSubjectAccessReviewSpec{
					NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: url, Verb: verb},
				}})
			}
			for _, name := range rule.Resources {
				resource, subresource, _ := strings.Cut(name, "/")
				text := verb + " " + name
				if namespace != "" {
					text += " in namespace " + namespace
				}
				all = append(all, question{text: text, ask: authorizationv1.SelfSubjectAccessReviewSpec{
					ResourceAttributes: &authorizationv1.ResourceAttributes{
						Namespace: namespace, Verb: verb, Group: rule.APIGroups[0], Resource: resource, Subresource: subresource,
					},
				}})
			}
		}
	}
	return all
}
