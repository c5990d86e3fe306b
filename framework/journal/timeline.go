package journal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// A story of more lines than this is shortened in messages: its beginning and
// its end say most.
const (
	firstLines = 20
	lastLines  = 60
)

// visibleOutage is the shortest outage that a story tells of: in less the
// times are hardly later than they always are.
const visibleOutage = 100 * time.Millisecond

// longestText bounds a message of the kubelet inside a line, in bytes.
const longestText = 160

// String is the story for a person: the pod, then one line per change with
// the seconds since the first version and only what changed, events among
// them. Of a very long story the middle is left out; Timeline has it all.
func (s *Story) String() string {
	r := s.read()
	lines := s.Timeline()
	if n := len(lines); n > firstLines+lastLines {
		left := fmt.Sprintf("  … %d lines left out …", n-firstLines-lastLines)
		lines = slices.Concat(lines[:firstLines], []string{left}, lines[n-lastLines:])
	}
	title := "story of pod " + r.called()
	if r.namespace != "" {
		title = fmt.Sprintf("story of pod %s/%s", r.namespace, r.called())
	}
	if r.name != "" && r.uid != "" {
		title += fmt.Sprintf(" (UID %s)", r.uid)
	}
	if len(lines) == 0 {
		return title + ": nothing was seen of it"
	}
	return title + ":\n" + strings.Join(lines, "\n")
}

// Timeline is every line of the story, without the title.
func (s *Story) Timeline() []string {
	r := s.read()
	type entry struct {
		at   time.Time
		text string
	}
	var entries []entry
	var previous *corev1.Pod
	for _, v := range r.versions {
		text := strings.Join(changes(previous, v.Pod), "; ")
		switch {
		case v.Type == watch.Deleted && text == "":
			text = "DELETED"
		case v.Type == watch.Deleted:
			text = "DELETED: " + text
		case previous == nil:
			text = string(v.Type) + ": " + text
		}
		previous = v.Pod
		if text != "" {
			entries = append(entries, entry{v.At, text})
		}
	}
	for _, e := range r.events {
		entries = append(entries, entry{e.At, eventText(e.Event)})
	}
	if len(entries) == 0 {
		return nil
	}
	zero := entries[0].at
	for _, o := range s.journal.Outages() {
		if o.To.IsZero() {
			entries = append(entries, entry{o.From, fmt.Sprintf("(the watch of %s is away from here on: %s)", o.What, shorten(o.Err))})
		} else if o.To.After(zero) && o.To.Sub(o.From) >= visibleOutage {
			entries = append(entries, entry{o.From, fmt.Sprintf("(the watch of %s was away for %.1fs, times are late: %s)", o.What, o.To.Sub(o.From).Seconds(), shorten(o.Err))})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.at.Compare(b.at) })

	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = fmt.Sprintf("  %+9.3fs  %s", e.at.Sub(zero).Seconds(), e.text)
	}
	if err := s.journal.Err(); err != nil {
		lines = append(lines, "  "+err.Error())
	}
	return lines
}

func eventText(e *corev1.Event) string {
	text := fmt.Sprintf("event %s %s", e.Type, e.Reason)
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	if path := e.InvolvedObject.FieldPath; path != "" {
		text += " " + path
	}
	return text + ": " + shorten(e.Message)
}

// shorten makes a message of the kubelet fit into a line.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
