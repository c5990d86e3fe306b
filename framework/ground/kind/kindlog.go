package kind

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"sigs.k8s.io/kind/pkg/log"
)

// kindLog is what kind's library says: the stage that it is at goes on to the
// person who waits, and everything is kept for the case that it fails.
type kindLog struct {
	update func(stage string) // may be nil

	mu   sync.Mutex
	said bytes.Buffer
}

// kindVerbosity is the level up to which messages are kept: that of the output
// of kubeadm.
const kindVerbosity = 3

func (l *kindLog) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.said.Bytes())
}

func (l *kindLog) keep(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said.WriteString(strings.TrimRight(message, "\n") + "\n")
}

func (l *kindLog) Warn(message string)           { l.keep("WARNING: " + message) }
func (l *kindLog) Warnf(format string, a ...any) { l.Warn(fmt.Sprintf(format, a...)) }
func (l *kindLog) Error(message string)          { l.keep("ERROR: " + message) }
func (l *kindLog) Errorf(format string, a ...any) {
	l.Error(fmt.Sprintf(format, a...))
}

func (l *kindLog) V(level log.Level) log.InfoLogger { return kindInfo{l, level} }

type kindInfo struct {
	log   *kindLog
	level log.Level
}

func (i kindInfo) Enabled() bool { return i.level <= kindVerbosity }

func (i kindInfo) Info(message string) {
	if !i.Enabled() {
		return
	}
	i.log.keep(message)
	if i.level == 0 && i.log.update != nil {
		if text := stage(message); text != "" {
			i.log.update(text)
		}
	}
}

func (i kindInfo) Infof(format string, a ...any) {
	if i.Enabled() {
		i.Info(fmt.Sprintf(format, a...))
	}
}

// stage is the name of the stage that kind announces with " • Joining worker
// nodes 🚜  ...", and "" for its other messages.
func stage(message string) string {
	text, ok := strings.CutPrefix(strings.TrimSpace(message), "•")
	if !ok {
		return ""
	}
	text = strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return -1
		}
		return r
	}, strings.TrimSuffix(text, "..."))
	return strings.ToLower(strings.Join(strings.Fields(text), " "))
}
