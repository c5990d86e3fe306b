package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
)

func TestRequest(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"create, as containerd's shim calls it": {
			[]string{"--root", "/var/run/docker/runtime-runc/moby", "--log", "/run/log.json", "--log-format", "json",
				"create", "--bundle", "/run/bundle", "--pid-file", "/run/bundle/init.pid", "id"},
			"/run/bundle/config.json",
		},
		"exec, as containerd's shim calls it": {
			[]string{"--root", "/r", "--log", "/l", "--log-format", "json", "--systemd-cgroup",
				"exec", "--process", "/tmp/runc-process1", "--detach", "--pid-file", "/p", "id"},
			"/tmp/runc-process1",
		},
		"short options":                          {[]string{"run", "-b", "/bundle", "id"}, "/bundle/config.json"},
		"joined options":                         {[]string{"--root=/r", "exec", "--process=/p.json", "id"}, "/p.json"},
		"no bundle is the working directory":     {[]string{"create", "id"}, "config.json"},
		"exec of a command asks for nothing":     {[]string{"exec", "id", "sh"}, ""},
		"other subcommands":                      {[]string{"--root", "create", "state", "id"}, ""},
		"version":                                {[]string{"--version"}, ""},
		"no arguments":                           {nil, ""},
		"an argument behind -- is not an option": {[]string{"exec", "id", "--", "--process", "x"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(request(test.args)).To(Equal(test.want))
		})
	}
}

func TestWithoutTakesOffWhatIsWithheld(t *testing.T) {
	g := NewWithT(t)
	config := `{
		"ociVersion": "1.0.2",
		"process": {
			"args": ["init"],
			"capabilities": {
				"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE", "CAP_KILL"],
				"effective": ["CAP_SYS_RESOURCE"],
				"permitted": ["CAP_CHOWN"]
			},
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 9007199254740993}]
		},
		"annotations": {"CAP_SYS_RESOURCE": "stays"}
	}`
	granted, err := without([]byte(config), []string{"CAP_SYS_RESOURCE"})
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(granted).To(MatchJSON(`{
		"ociVersion": "1.0.2",
		"process": {
			"args": ["init"],
			"capabilities": {
				"bounding": ["CAP_CHOWN", "CAP_KILL"],
				"effective": [],
				"permitted": ["CAP_CHOWN"]
			},
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 18446744073709551615, "soft": 9007199254740993}]
		},
		"annotations": {"CAP_SYS_RESOURCE": "stays"}
	}`))
	g.Expect(string(granted)).To(ContainSubstring("9007199254740993"), "numbers keep all of their digits")
}

func TestWithoutTakesAProcessAsWell(t *testing.T) {
	g := NewWithT(t)
	granted, err := without([]byte(`{"args":["sh"],"capabilities":{"bounding":["CAP_BPF","CAP_KILL"]}}`), []string{"CAP_BPF", "CAP_PERFMON"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(granted).To(MatchJSON(`{"args":["sh"],"capabilities":{"bounding":["CAP_KILL"]}}`))
}

func TestWithoutLeavesOtherRequestsAlone(t *testing.T) {
	for name, config := range map[string]string{
		"none of them":           `{ "process" : {"capabilities":{"bounding":["CAP_KILL"]}} }`,
		"no capabilities":        `{ "process" : {} }`,
		"capabilities are null":  `{ "process" : {"capabilities": null} }`,
		"a process without them": `{ "args" : ["sh"] }`,
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			granted, err := without([]byte(config), []string{"CAP_SYS_RESOURCE"})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(string(granted)).To(Equal(config))
		})
	}
}

func TestWithoutNamesWhatItCannotRead(t *testing.T) {
	_, err := without([]byte(`[]`), nil)
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("not the JSON of a container or a process")))
}

func TestRewriteKeepsTheFilesMode(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "config.json")
	g.Expect(os.WriteFile(path, []byte(`{"process":{"capabilities":{"bounding":["CAP_A","CAP_B"]}}}`), 0o640)).To(Succeed())
	g.Expect(rewrite(path, []string{"CAP_A"})).To(Succeed())

	content, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(json.Valid(content)).To(BeTrue())
	g.Expect(content).To(MatchJSON(`{"process":{"capabilities":{"bounding":["CAP_B"]}}}`))
	info, err := os.Stat(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o640)))
}
