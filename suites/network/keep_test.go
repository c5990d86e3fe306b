package network

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/journal"
	corev1 "k8s.io/api/core/v1"
)

func TestLostIP(t *testing.T) {
	for name, c := range map[string]struct {
		ips  []string
		want string
	}{
		"kept":                 {[]string{"", "", "10.0.0.1", "10.0.0.1"}, ""},
		"lost at the end":      {[]string{"", "10.0.0.1", ""}, `it had the IP 10.0.0.1, and in version 3, in phase Running, ""`},
		"changed":              {[]string{"10.0.0.1", "10.0.0.2"}, `it had the IP 10.0.0.1, and in version 2, in phase Running, "10.0.0.2"`},
		"gone and back":        {[]string{"10.0.0.1", "", "10.0.0.1"}, `it had the IP 10.0.0.1, and in version 2, in phase Running, ""`},
		"none":                 {[]string{"", ""}, "it never had an IP"},
		"no version was seen":  {nil, "it never had an IP"},
		"another one at first": {[]string{"10.0.0.2", "10.0.0.1", "10.0.0.1"}, `it had the IP 10.0.0.2, and in version 2, in phase Running, "10.0.0.1"`},
	} {
		t.Run(name, func(t *testing.T) {
			var versions []journal.Version
			for _, ip := range c.ips {
				versions = append(versions, journal.Version{Pod: &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip}}})
			}
			NewWithT(t).Expect(lostIP(versions)).To(Equal(c.want))
		})
	}
}

func TestPacketsIn(t *testing.T) {
	g := NewWithT(t)
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   12345      67    0    0    0     0          0         0    12345      67    0    0    0     0       0          0
  eth0: 999999     8888    0    0    0     0          0         0     7777      66    0    0    0     0       0          0
`
	g.Expect(packetsIn(text, "lo")).To(Equal(67))
	g.Expect(packetsIn(text, "eth0")).To(Equal(8888))
	_, err := packetsIn(text, "eth1")
	g.Expect(err).To(HaveOccurred())
}
