package kind

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What a node takes of the inotify instances that one user may have on a
// machine: 27 were counted on a control plane, 14 on a worker (Kubernetes 1.37),
// the rest is for the moments in which it starts. Where there are none left,
// systemd does not boot in a new node, and the kubelets of all clusters fail.
// https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files
const (
	controlPlaneInotify = 30
	workerInotify       = 16
)

// enoughInotify is nil when one more cluster fits in, or when that cannot be
// seen from here.
func enoughInotify(workers int) error {
	content, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	if err != nil {
		return nil // not Linux: the engine has a machine of its own
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return nil
	}
	return fitsInotify(limit, inotifyInUse(), workers)
}

func fitsInotify(limit, used, workers int) error {
	need := controlPlaneInotify + workers*workerInotify
	if used+need <= limit {
		return nil
	}
	return fmt.Errorf("its nodes need about %d inotify instances, but %d of the %d that this machine allows are in use, "+
		"most of them by other clusters: delete those that are not needed (make clean), or raise the limit (sysctl fs.inotify.max_user_instances=512)",
		need, used, limit)
}

// inotifyInUse counts the instances of root, as whom nodes run. Another user sees
// none of them.
func inotifyInUse() int {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	count := 0
	for _, process := range processes {
		info, err := os.Stat(process)
		if err != nil {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 0 {
			continue
		}
		descriptors, _ := filepath.Glob(process + "/fd/*")
		for _, descriptor := range descriptors {
			if target, err := os.Readlink(descriptor); err == nil && strings.HasSuffix(target, "inotify") {
				count++
			}
		}
	}
	return count
}
