package progress

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// sendTimeout is how long a process of a run may be held up by a console that does
// not read: showing progress is never worth delaying a spec.
const sendTimeout = 250 * time.Millisecond

// maxSocketPath is the longest path that Linux takes for a Unix socket, in bytes.
const maxSocketPath = 107

// SocketPath is where this process can listen. On Linux it is no file but an
// abstract name, of which nothing is left when the process is killed.
func SocketPath() string {
	// Containers can share such names, and have processes of the same ID.
	name := fmt.Sprintf("podproof-%d-%s", os.Getpid(), rand.Text()[:8])
	if runtime.GOOS == "linux" {
		return "@" + name
	}
	return filepath.Join(os.TempDir(), name+".sock")
}

// Listener takes events from the processes of a run over a Unix socket, one JSON
// object a line.
type Listener struct {
	socket *net.UnixListener
	sink   func(Event)

	accepting, reading sync.WaitGroup

	mu      sync.Mutex
	senders map[net.Conn]bool
}

// Listen makes the socket and gives every event that arrives to sink, which must be
// safe for use from several goroutines.
func Listen(path string, sink func(Event)) (*Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path of the progress socket has %d characters, at most %d are possible: %s", len(path), maxSocketPath, path)
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make the progress socket: %w", err)
	}
	l := &Listener{socket: socket, sink: sink, senders: make(map[net.Conn]bool)}
	l.accepting.Go(l.accept)
	return l, nil
}

func (l *Listener) accept() {
	for {
		conn, err := l.socket.Accept()
		if err != nil {
			return // Close has set a deadline
		}
		l.mu.Lock()
		l.senders[conn] = true
		l.mu.Unlock()
		l.reading.Go(func() { l.read(conn) })
	}
}

func (l *Listener) read(conn net.Conn) {
	defer func() {
		conn.Close()
		l.mu.Lock()
		delete(l.senders, conn)
		l.mu.Unlock()
	}()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // the process has ended; half a line is of no use
		}
		var e Event
		if json.Unmarshal(line, &e) == nil {
			l.sink(e)
		}
	}
}

// lastCall is how long Close takes the connections of processes that have come and
// gone already; a socket that is closed forgets those that nobody has taken yet.
const lastCall = 100 * time.Millisecond

// Close stops listening and removes the socket. Processes that have ended are read to
// their end; others are cut off after a second.
func (l *Listener) Close() error {
	err := l.socket.SetDeadline(time.Now().Add(lastCall))
	if err == nil {
		l.accepting.Wait()
	}
	err = errors.Join(err, l.socket.Close())
	l.mu.Lock()
	for conn := range l.senders {
		// Cannot fail in a way that matters: a closed connection is what it is about.
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	}
	l.mu.Unlock()
	l.reading.Wait()
	return err
}

// Sender sends events to a Listener. Without a listener it says nothing.
type Sender struct {
	mu   sync.Mutex
	conn net.Conn
}

// Dial connects to the listener at path. When nobody listens there, or path is empty,
// the Sender drops what it is given: a run must not fail for want of somebody to tell.
func Dial(path string) *Sender {
	s := &Sender{}
	if path != "" {
		if conn, err := net.DialTimeout("unix", path, sendTimeout); err == nil {
			s.conn = conn
		}
	}
	return s
}

// OnLoss calls f when the listener goes away, as it does when its process is killed:
// nobody is left then who waits for what this process does. Close is no loss.
func (s *Sender) OnLoss(f func()) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return
	}
	go func() {
		// The listener never writes: this ends when one of the two closes.
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			f()
		}
	}()
}

// Event sends e. After a failure the Sender is silent.
func (s *Sender) Event(e Event) {
	data, err := json.Marshal(e)
	if err != nil {
		return // cannot happen: an Event has no field that JSON cannot hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return
	}
	err = errors.Join(s.conn.SetWriteDeadline(time.Now().Add(sendTimeout)), write(s.conn, append(data, '\n')))
	if err != nil {
		s.conn.Close()
		s.conn = nil
	}
}

func write(conn net.Conn, data []byte) error {
	_, err := conn.Write(data)
	return err
}

// Close ends the connection.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
