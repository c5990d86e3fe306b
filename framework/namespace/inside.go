package namespace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/api"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/kubectl"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Log reads what the witness in a container has logged so far: of the
// instance that runs or ran last, or of the one before it.
func (s *Space) Log(ctx context.Context, story *journal.Story, container string, previous bool) ([]record.Line, error) {
	stream, err := s.API.Client.CoreV1().Pods(s.name).GetLogs(story.Name(), &corev1.PodLogOptions{Container: container, Previous: previous}).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("log of container %s of pod %s: %w", container, story.Name(), err)
	}
	defer stream.Close()
	lines, err := witness.ReadLog(stream)
	s.Saw(story, container, lines)
	return lines, err
}

// LogText is the log of a container as it is, also where it is not of the witness's
// lines alone.
func (s *Space) LogText(ctx context.Context, story *journal.Story, container string) (string, error) {
	text, err := s.API.Client.CoreV1().Pods(s.name).GetLogs(story.Name(), &corev1.PodLogOptions{Container: container}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("log of container %s of pod %s: %w", container, story.Name(), err)
	}
	return string(text), nil
}

// FollowLog reads the log of a running container as it grows, until enough
// says so for all lines so far, and returns them. When the container ends or
// ctx does before that, the error says what was wanted.
func (s *Space) FollowLog(ctx context.Context, story *journal.Story, container, want string, enough func([]record.Line) bool) ([]record.Line, error) {
	for {
		lines, err := s.followOnce(ctx, story, container, enough)
		s.Saw(story, container, lines)
		if err == nil {
			return lines, nil
		}
		if !errors.Is(err, io.EOF) || !isRunning(story, container) || ctx.Err() != nil {
			return lines, fmt.Errorf("container %s of pod %s was expected to log %s; it logged %d lines, then: %w\n%s", container, story.Name(), want, len(lines), err, story)
		}
		// The kubelet ended the stream of a container that runs, as it does
		// when the node is out of inotify instances ("too many open files").
		// That says nothing about the container: look again.
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// AwaitStarted waits until the container runs and the witness in it has written its
// first line, and returns what it has logged by then. It handles signals from then on:
// a process that gets SIGTERM before ends in another way than it was asked to.
func (s *Space) AwaitStarted(ctx context.Context, story *journal.Story, container string) ([]record.Line, error) {
	if _, err := story.Await(ctx, pod.ContainerRunning(container)); err != nil {
		return nil, err
	}
	return s.FollowLog(ctx, story, container, "that it has started", func(lines []record.Line) bool {
		return witness.Count(lines, record.Start) > 0
	})
}

// AwaitListening waits until the witness in the container listens on so many ports: only
// then can it be asked by way of the API server. That it runs does not say so much.
func (s *Space) AwaitListening(ctx context.Context, story *journal.Story, container string, ports int) ([]record.Line, error) {
	return s.FollowLog(ctx, story, container, fmt.Sprintf("that it listens (ports: %d)", ports), func(lines []record.Line) bool {
		return witness.Count(lines, record.Listening) >= ports
	})
}

// followOnce follows one stream of the log. Its error is io.EOF when the stream
// ended first.
func (s *Space) followOnce(ctx context.Context, story *journal.Story, container string, enough func([]record.Line) bool) ([]record.Line, error) {
	stream, err := s.API.Client.CoreV1().Pods(s.name).GetLogs(story.Name(), &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var lines []record.Line
	err = witness.Follow(stream, func(l record.Line) bool {
		lines = append(lines, l)
		return enough(lines)
	})
	return lines, err
}

// isRunning tells whether the container runs as far as the journal knows.
func isRunning(story *journal.Story, container string) bool {
	last := story.Last()
	if last == nil || story.Deleted() {
		return false
	}
	status := pod.Status(last, container)
	return status != nil && status.State.Running != nil
}

// startTime is how long a process may take from the start of its container,
// which is when the kubelet calls it running, until it listens.
const startTime = 10 * time.Second

// Get sends an HTTP GET to a port of the pod, by way of the API server, and
// returns the body of a 200. A port on which nobody listens yet is asked again
// for a few seconds.
func (s *Space) Get(ctx context.Context, story *journal.Story, port int, path string, query map[string]string) ([]byte, error) {
	starting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ask := func() ([]byte, error) {
		return s.API.Client.CoreV1().Pods(s.name).ProxyGet("http", story.Name(), fmt.Sprint(port), path, query).DoRaw(ctx)
	}
	body, err := ask()
	for apierrors.IsServiceUnavailable(err) && strings.Contains(err.Error()+string(body), "connection refused") && starting.Err() == nil {
		// Nothing but the port itself tells when somebody listens.
		select {
		case <-time.After(100 * time.Millisecond):
		case <-starting.Done():
		}
		body, err = ask()
	}
	if err != nil {
		return body, fmt.Errorf("GET %s of port %d of pod %s: %w %s", path, port, story.Name(), err, body)
	}
	return body, nil
}

// File has the witness that serves on the port write the text to a file, or
// read the file when the text is empty, and returns how that went: a write
// that the file system refuses is an answer, and no error.
func (s *Space) File(ctx context.Context, story *journal.Story, port int, path, text string) (record.File, error) {
	query := map[string]string{"path": path}
	if text != "" {
		query["text"] = text
	}
	var answer record.File
	body, err := s.Get(ctx, story, port, "/file", query)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(body, &answer)
}

// Dial has the witness that serves on the port get the http URL that many
// times, each time with a connection of its own, and returns how each try went:
// that nothing can be reached is an answer, and no error.
func (s *Space) Dial(ctx context.Context, story *journal.Story, port int, url string, times int) ([]record.Dial, error) {
	body, err := s.Get(ctx, story, port, "/dial", map[string]string{"url": url, "times": strconv.Itoa(times)})
	if err != nil {
		return nil, err
	}
	var tries []record.Dial
	return tries, json.Unmarshal(body, &tries)
}

// Exec runs a command in a container and returns its output and exit code.
func (s *Space) Exec(ctx context.Context, story *journal.Story, container string, command ...string) (stdout string, code int, err error) {
	result, err := s.ExecWith(ctx, story, Execution{Container: container, Command: command})
	return result.Stdout, result.Code, err
}

// Row asks the API server for what `kubectl get pod NAME` prints, and returns
// the cells by column. The server makes these, not kubectl.
// Source: pkg/printers/internalversion/printers.go (printPod).
func (s *Space) Row(ctx context.Context, name string) (map[string]any, *corev1.Pod, error) {
	var table metav1.Table
	err := s.API.Client.CoreV1().RESTClient().Get().Namespace(s.name).Resource("pods").Name(name).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		Param("includeObject", "Object").Do(ctx).Into(&table)
	if err != nil {
		return nil, nil, fmt.Errorf("pod %s as a table: %w", name, err)
	}
	if len(table.Rows) != 1 {
		return nil, nil, fmt.Errorf("pod %s as a table: the server answered %d rows, not 1", name, len(table.Rows))
	}
	cells := map[string]any{}
	for i, column := range table.ColumnDefinitions {
		cells[column.Name] = table.Rows[0].Cells[i]
	}
	p, err := podOf(table.Rows[0].Object.Raw)
	return cells, p, err
}

// RunKubectl runs kubectl with the arguments on this namespace. That it ends
// with another code than 0 is a result, and no error.
func (s *Space) RunKubectl(ctx context.Context, stdin string, args ...string) (kubectl.Result, error) {
	if s.Kubectl == nil {
		return kubectl.Result{}, errors.New("no kubectl was found that fits the cluster")
	}
	result, err := s.Kubectl.Run(ctx, stdin, append([]string{"--namespace=" + s.name}, args...)...)
	if message := refusal(result.Stderr); message != "" {
		s.refuse(fmt.Sprintf("kubectl %s: %s", strings.Join(args, " "), message))
	}
	return result, err
}

func (s *Space) refuse(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, message)
}

// notOurs are what kubectl says when the API refused a request, for what the user may do
// or how many there are, or failed it.
var notOurs = []string{
	"Error from server (Forbidden)", "Error from server (TooManyRequests)", "Error from server (InternalError)",
	"Error from server (ServiceUnavailable)", "Error from server (Timeout)", "Unable to connect to the server", "failed calling webhook",
}

// refusal is the line of kubectl's that says that the API refused a request, for what the
// user may do or for what admission lets in, or failed it; "" when there is none. Of
// requests that are not kubectl's, api.Meter tells.
func refusal(stderr string) string {
	for line := range strings.Lines(stderr) {
		if api.Denied(line) || slices.ContainsFunc(notOurs, func(said string) bool { return strings.Contains(line, said) }) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// Refused are the calls of kubectl and of exec that the API refused, with its messages.
func (s *Space) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// TypeIntoKubectl is RunKubectl in a terminal, on which this is typed. If piped, its
// stdout is a pipe.
func (s *Space) TypeIntoKubectl(ctx context.Context, typed string, piped bool, args ...string) (kubectl.Result, error) {
	if s.Kubectl == nil {
		return kubectl.Result{}, errors.New("no kubectl was found that fits the cluster")
	}
	return s.Kubectl.RunInTerminal(ctx, typed, piped, append([]string{"--namespace=" + s.name}, args...)...)
}

func podOf(raw []byte) (*corev1.Pod, error) {
	p := &corev1.Pod{}
	if err := json.Unmarshal(raw, p); err != nil {
		return nil, fmt.Errorf("the pod that came with its table: %w", err)
	}
	return p, nil
}
