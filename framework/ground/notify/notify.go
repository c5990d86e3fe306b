// Package notify listens for the readiness of a service, which services tell in the way
// of systemd. The libraries for this protocol only speak, they do not listen.
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
package notify

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// Listener hears when a service is ready.
type Listener struct {
	address string
	conn    *net.UnixConn
	ready   chan struct{}
}

// Listen listens for one service. It needs Linux.
func Listen() (*Listener, error) {
	// A name in the abstract namespace: there is no file to remove, and no directory
	// takes up part of the 108 bytes.
	address := fmt.Sprintf("@podproof-ready-%d-%d", os.Getpid(), time.Now().UnixNano())
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listening for the readiness of a service: %w", err)
	}
	l := &Listener{address: address, conn: conn, ready: make(chan struct{})}
	go l.listen()
	return l, nil
}

// Env is the environment variable that tells the service where to speak.
func (l *Listener) Env() string { return "NOTIFY_SOCKET=" + l.address }

// Ready is closed when the service has said that it is ready.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Close ends listening.
func (l *Listener) Close() { l.conn.Close() }

func (l *Listener) listen() {
	message := make([]byte, 4096)
	for {
		n, err := l.conn.Read(message)
		if err != nil {
			return
		}
		for line := range strings.Lines(string(message[:n])) {
			if strings.TrimSpace(line) == "READY=1" {
				close(l.ready)
				return
			}
		}
	}
}
