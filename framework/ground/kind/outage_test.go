package kind

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/cluster"
)

// onNode runs a script with the commands of a node that write down how they were
// called, and with a mark that is not this machine's. It returns what they wrote.
func onNode(t *testing.T, mark, script string) (did []string, output string, err error) {
	g := NewWithT(t)
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	for name, prints := range map[string]string{
		"ip":        "echo '42: eth7    inet 172.18.0.4/16 brd 172.18.255.255 scope global eth7'",
		"systemctl": "",
		"ip6tables": "exit 3", // not every kernel has it
		"iptables":  "case \"$*\" in *'--list-rules POSTROUTING') echo '-P POSTROUTING ACCEPT'; echo '-A POSTROUTING -o eth7 -j PODPROOF-CUT' ;; esac",
	} {
		g.Expect(os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\necho "+name+" $* >> "+log+"\n"+prints+"\n"), 0o755)).To(Succeed())
	}
	run := exec.Command("sh", "-c", strings.ReplaceAll(script, lostMark, mark))
	run.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
	printed, err := run.CombinedOutput()
	content, _ := os.ReadFile(log)
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "iptables") || strings.HasPrefix(line, "systemctl") {
			did = append(did, strings.Replace(line, "iptables --wait --table mangle ", "", 1))
		}
	}
	return did, strings.TrimSpace(string(printed)), err
}

func TestOneRunTakesTheNodeAndAnotherIsTold(t *testing.T) {
	g := NewWithT(t)
	mark := filepath.Join(t.TempDir(), "lost")
	did, output, err := onNode(t, mark, loseScript("here/12", "172.18.0.4"))
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Expect(did).To(Equal([]string{
		"--new-chain PODPROOF-CUT",
		"--append PODPROOF-CUT --jump DROP",
		"--insert PREROUTING --in-interface eth7 --jump PODPROOF-CUT",
		"--insert POSTROUTING --out-interface eth7 --jump PODPROOF-CUT",
		"systemctl stop kubelet",
	}))
	g.Expect(os.ReadFile(mark)).To(BeEquivalentTo("here/12\n"))

	did, output, err = onNode(t, mark, loseScript("there/1", "172.18.0.4"))
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(Equal("already taken away by here/12"))
	g.Expect(did).To(BeEmpty())
	g.Expect(os.ReadFile(mark)).To(BeEquivalentTo("here/12\n"))
}

func TestReconnecting(t *testing.T) {
	g := NewWithT(t)
	did, output, err := onNode(t, "", reconnectScript)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(output).To(MatchRegexp("^[0-9]+$"), "the time, and nothing of what was not there")
	g.Expect(did).To(Equal([]string{
		"--list-rules PREROUTING",
		"--list-rules POSTROUTING",
		"--delete POSTROUTING -o eth7 -j PODPROOF-CUT",
		"--flush PODPROOF-CUT",
		"--delete-chain PODPROOF-CUT",
		"systemctl start kubelet",
	}))
}

func TestOnlyAReservedNodeCanBeLost(t *testing.T) {
	g := NewWithT(t)
	c := control(&cluster.Info{Provider: "docker", Nodes: []cluster.Node{{Name: "a", InternalIPs: []string{"172.18.0.4"}}}}, nil)
	g.Expect(c.ReservedNode()).To(BeNil())
	g.Expect(c.Lose(t.Context())).To(MatchError("the cluster has no node that may be taken away"))
	g.Expect(c.Recover(t.Context())).To(Succeed())
	c.Nodes = append(c.Nodes, cluster.Node{Name: "b", Reserved: true})
	g.Expect(c.ReservedNode().Name).To(Equal("b"))
}
