package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// capability is the number of a Linux capability.
// https://man7.org/linux/man-pages/man7/capabilities.7.html
type capability uint

// missingCapabilities are the capabilities of the kernel that neither this process nor its
// children can get. A privileged container asks for all of them, and a runtime that cannot
// give one gives up.
func missingCapabilities() []capability {
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return nil // not Linux: the engine lives in a virtual machine of its own
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	missing, err := withheld(string(status), string(last))
	if err != nil {
		return nil
	}
	return missing
}

// withheld reads the capabilities up to the last one known to the kernel that
// are not in the bounding set of a /proc/PID/status.
func withheld(status, last string) ([]capability, error) {
	highest, err := strconv.ParseUint(strings.TrimSpace(last), 10, 6)
	if err != nil {
		return nil, fmt.Errorf("cap_last_cap %q: %w", last, err)
	}
	for line := range strings.Lines(status) {
		mask, found := strings.CutPrefix(line, "CapBnd:")
		if !found {
			continue
		}
		bounding, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("CapBnd %q: %w", mask, err)
		}
		var missing []capability
		for c := range capability(highest + 1) {
			if bounding&(1<<c) == 0 {
				missing = append(missing, c)
			}
		}
		return missing, nil
	}
	return nil, errors.New("no CapBnd in the process status")
}

// String is the capability's name. A capability newer than podproof has only its number,
// in a form that no runtime takes for a name.
func (c capability) String() string {
	if int(c) < len(capabilityNames) {
		return capabilityNames[c]
	}
	return "capability " + strconv.Itoa(int(c))
}

func capabilityList(capabilities []capability) string {
	names := make([]string, len(capabilities))
	for i, c := range capabilities {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}

// capabilityNames are the capabilities by their number, from 0 up.
// https://man7.org/linux/man-pages/man7/capabilities.7.html
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
	"CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
	"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
	"CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
	"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP",
	"CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}
