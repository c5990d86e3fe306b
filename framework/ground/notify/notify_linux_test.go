package notify

import (
	"net"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAServiceIsReadyWhenItSaysSo(t *testing.T) {
	g := NewWithT(t)
	l, err := Listen()
	g.Expect(err).NotTo(HaveOccurred())
	defer l.Close()
	say(g, l, "STATUS=loading\n")
	g.Consistently(l.Ready(), "50ms").ShouldNot(BeClosed())
	say(g, l, "STATUS=up\nREADY=1\n")
	g.Eventually(l.Ready()).Should(BeClosed())
}

// say sends what a service sends to its NOTIFY_SOCKET.
func say(g Gomega, l *Listener, message string) {
	address, found := strings.CutPrefix(l.Env(), "NOTIFY_SOCKET=")
	g.Expect(found).To(BeTrue())
	conn, err := net.Dial("unixgram", address)
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	_, err = conn.Write([]byte(message))
	g.Expect(err).NotTo(HaveOccurred())
}
