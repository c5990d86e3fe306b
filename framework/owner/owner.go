// Package owner marks the namespaces of a run, so that whoever finds one
// later can tell that it is podproof's, and whether its run may still be
// alive.
package owner

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// RunLabel is on every namespace that a run makes; its value is the run's
	// ID.
	RunLabel = "podproof.test/run"
	// annotation names the process that the namespace belongs to, as HOST/PID.
	annotation = "podproof.test/owner"
	// PodVariable is the environment variable with the UID of the pod that podproof runs
	// in. The pods of an Indexed Job have the same host name in each Job, and podproof is
	// process 1 in all of them.
	PodVariable = "PODPROOF_POD_UID"
)

// AbandonedAfter is the age at which a namespace of another machine's run
// counts as left behind: no run lasts that long.
const AbandonedAfter = 3 * time.Hour

// Current names this process.
func Current() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if pod := os.Getenv(PodVariable); pod != "" {
		host += "-" + pod
	}
	return fmt.Sprintf("%s%s/%d", host, machine(), os.Getpid())
}

// machine tells machines and containers of the same host name apart, as far as they do
// themselves: numbers of processes in one mean nothing in the other.
// https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
var machine = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/etc/machine-id")
	pids, _ := os.Readlink("/proc/self/ns/pid")
	if len(id) == 0 && pids == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(string(id) + pids))
	return "-" + hex.EncodeToString(sum[:4])
})

// Mark puts the label and the annotation of a run on a namespace that is to
// be created. The owner is a process as Current names it.
func Mark(meta *metav1.ObjectMeta, runID, owner string) {
	metav1.SetMetaDataLabel(meta, RunLabel, runID)
	metav1.SetMetaDataAnnotation(meta, annotation, owner)
}

// Abandoned tells whether the run that made the namespace has ended: its
// process is no longer there, or, when it ran on another machine, no run takes
// so long.
func Abandoned(meta metav1.ObjectMeta) bool {
	host, _, _ := strings.Cut(Current(), "/")
	return abandoned(meta, host, alive, time.Now())
}

// Ended tells whether a process, as Current named it, is known to have ended: it
// was one of this machine and is no longer there.
func Ended(name string) bool {
	host, _, _ := strings.Cut(Current(), "/")
	return ended(name, host, alive)
}

func ended(name, host string, alive func(pid int) bool) bool {
	its, pidText, _ := strings.Cut(name, "/")
	pid, err := strconv.Atoi(pidText)
	return err == nil && its == host && !alive(pid)
}

func abandoned(meta metav1.ObjectMeta, host string, alive func(pid int) bool, now time.Time) bool {
	ownerHost, pidText, _ := strings.Cut(meta.Annotations[annotation], "/")
	if pid, err := strconv.Atoi(pidText); err == nil && ownerHost == host {
		return !alive(pid)
	}
	return now.Sub(meta.CreationTimestamp.Time) > AbandonedAfter
}

func alive(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH && !zombie(pid) }

// zombie tells a process that has ended and for which its parent has not waited;
// in a container whose first process is no init that is for ever.
func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false // not Linux, or gone by now
	}
	// pid (command) state …: the command may contain anything.
	_, state, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	return strings.HasPrefix(state, "Z")
}
