package spec

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/claim"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/namespace"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// collect keeps what a failed spec leaves to look at, before any clean-up:
// each pod's story and last state, the logs of its containers' last two
// instances, and the kubelet's lines about the pod where nodes can be reached.
// What cannot be had is said in the file instead.
func collect(ctx context.Context, space *namespace.Space) {
	spec := CurrentSpecReport()
	name := fmt.Sprintf("%s-%d", slug(spec.LeafNodeText), spec.LeafNodeLocation.LineNumber)
	dir := filepath.Join(runDir, "evidence", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		fmt.Fprintf(GinkgoWriter, "evidence: %v\n", err)
		return
	}
	for _, story := range space.Journal().Stories() {
		keep(dir, story.Name()+"-story.txt", []byte(story.String()))
		last := story.Last()
		if last == nil {
			continue
		}
		manifest, err := yaml.Marshal(last)
		keep(dir, story.Name()+".yaml", orError(manifest, err))
		for _, container := range append(last.Spec.InitContainers, last.Spec.Containers...) {
			for _, previous := range []bool{true, false} {
				text, err := rawLog(ctx, space, story, container.Name, previous)
				file := fmt.Sprintf("%s-%s.log", story.Name(), container.Name)
				if previous {
					if err != nil {
						continue // most containers have no previous instance
					}
					file = fmt.Sprintf("%s-%s-previous.log", story.Name(), container.Name)
				}
				keep(dir, file, orError(text, err))
				space.Saw(story, container.Name, linesOf(text))
			}
		}
		if ground.Cluster.Control != nil && last.Spec.NodeName != "" {
			text, err := ground.Cluster.Control.Run(ctx, last.Spec.NodeName, "journalctl", "-u", "kubelet", "-o", "short-precise", "--no-pager", "--since", last.CreationTimestamp.UTC().Format("2006-01-02 15:04:05"), "--grep", string(last.UID)+"|"+last.Name)
			keep(dir, story.Name()+"-kubelet.log", orError([]byte(text), err))
		}
	}
	relative, err := filepath.Rel(runDir, dir)
	if err != nil {
		relative = dir
	}
	claim.Evidence(relative)
}

// mostOfLog bounds how much of one log is kept. The longest are those that a spec fills
// until the kubelet rotates them.
const mostOfLog = int64(2 << 20)

// logTime bounds how long one log may take: that of a node which cannot be reached
// must not keep the others from being collected.
const logTime = 4 * time.Second

func rawLog(ctx context.Context, space *namespace.Space, story *journal.Story, container string, previous bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	stream, err := space.API.Client.CoreV1().Pods(space.Name()).GetLogs(story.Name(), &corev1.PodLogOptions{Container: container, Previous: previous, Timestamps: true, LimitBytes: new(mostOfLog)}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(stream)
}

// linesOf finds the lines of the witness in a log with timestamps. Whatever else is
// in the log is in the evidence.
func linesOf(text []byte) []record.Line {
	var lines []record.Line
	for line := range bytes.Lines(text) {
		_, rest, _ := bytes.Cut(line, []byte(" "))
		if one, err := witness.ReadLog(bytes.NewReader(rest)); err == nil {
			lines = append(lines, one...)
		}
	}
	return lines
}

func keep(dir, name string, data []byte) {
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		fmt.Fprintf(GinkgoWriter, "evidence: %v\n", err)
	}
}

func orError(data []byte, err error) []byte {
	if err != nil {
		return append(data, []byte("\nnot available: "+err.Error()+"\n")...)
	}
	return data
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a file name of a spec's text.
func slug(text string) string {
	s := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	return s[:min(len(s), 60)]
}
