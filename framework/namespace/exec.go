package namespace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// Execution is a command to run in a container.
type Execution struct {
	// Container may be empty: then the API server chooses.
	Container string
	Command   []string
	// Stdin is what the command reads; nil gives it none.
	Stdin io.Reader
	// TTY gives the command a terminal, on which stdout and stderr are one.
	TTY bool
	// Output, if any, gets stdout as it comes, beside the result.
	Output io.Writer
}

// Executed is how a command ended.
type Executed struct {
	Stdout, Stderr string
	Code           int
}

// ExecWith runs a command in a container of the story's pod by the API's exec
// sub-resource. An exit code is a result; an error is a command that could not
// be run.
func (s *Space) ExecWith(ctx context.Context, story *journal.Story, e Execution) (Executed, error) {
	req := s.API.Client.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.name).Name(story.Name()).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: e.Container, Command: e.Command,
			Stdin: e.Stdin != nil, Stdout: true, Stderr: !e.TTY, TTY: e.TTY,
		}, scheme.ParameterCodec)
	executor, err := executor(s.API.Config, req.URL())
	if err != nil {
		return Executed{}, fmt.Errorf("exec in container %s of pod %s: %w", e.Container, story.Name(), err)
	}
	var out, errOut bytes.Buffer
	streams := remotecommand.StreamOptions{Stdin: e.Stdin, Stdout: &out, Tty: e.TTY}
	if e.Output != nil {
		streams.Stdout = io.MultiWriter(&out, e.Output)
	}
	if !e.TTY {
		streams.Stderr = &errOut
	}
	err = executor.StreamWithContext(ctx, streams)
	result := Executed{Stdout: out.String(), Stderr: errOut.String()}
	var exit exec.CodeExitError
	if errors.As(err, &exit) {
		result.Code = exit.Code
		return result, nil
	}
	if message := refusedExec(err); message != "" {
		s.refuse(fmt.Sprintf("exec in container %s of pod %s: %s", e.Container, story.Name(), message))
	}
	if err != nil {
		return result, fmt.Errorf("exec %q in container %s of pod %s: %w %s", e.Command, e.Container, story.Name(), err, result.Stderr)
	}
	return result, nil
}

// executor uses a WebSocket, and SPDY where something on the way to the API server lets
// no WebSocket through, as kubectl does.
func executor(config *rest.Config, target *url.URL) (remotecommand.Executor, error) {
	socket, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, target.String())
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, target)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(socket, spdy, func(err error) bool {
		var upgrade *httpstream.UpgradeFailureError
		if errors.As(err, &upgrade) {
			// With a status it is the API server that has answered.
			var status *apierrors.StatusError
			return !errors.As(upgrade.Cause, &status)
		}
		return httpstream.IsHTTPSProxyError(err)
	})
}

// refusedExec is the API server's message when it refused an exec for what the user may
// do, or for what admission lets in, or does not reach the node; "" when it did not. What
// the command does goes over a connection of its own, of which api.Meter sees nothing.
func refusedExec(err error) string {
	var upgrade *httpstream.UpgradeFailureError
	if !errors.As(err, &upgrade) {
		return ""
	}
	message := upgrade.Cause.Error()
	if apierrors.IsForbidden(upgrade.Cause) || api.Denied(message) || strings.Contains(message, api.NodeNotReached) {
		return message
	}
	return ""
}
