package pod

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// IsAbout tells whether an event is about the container, of whichever kind. The message
// does not name it in every version of Kubernetes.
func IsAbout(e *corev1.Event, container string) bool {
	return strings.Contains(e.InvolvedObject.FieldPath, "{"+container+"}")
}
