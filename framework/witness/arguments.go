package witness

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// The constructors below make the arguments of a container whose image is the
// witness; Check, and what Command returns, is a whole command for an exec
// probe or an exec request, which do not go through the image's entrypoint.

// Run is a container that lives for a time and then ends. Without options it
// lives until SIGTERM and ends with code 143 then.
func Run(options ...RunOption) []string {
	args := []string{"run"}
	for _, o := range options {
		args = append(args, o.runArgs()...)
	}
	return args
}

// Serve is a container that listens: give it HTTP, TCP, GRPC or several. It lives
// until SIGTERM, or until somebody asks for its page /exit.
func Serve(options ...ServeOption) []string {
	args := []string{"serve"}
	for _, o := range options {
		args = append(args, o.serveArgs()...)
	}
	return args
}

// Collect is a container that takes what others send with BeatTo on a UDP
// port and tells on its page /series when that arrived.
func Collect(httpPort, udpPort int, options ...PortOption) []string {
	args := []string{"collect", "--http=" + onAll(httpPort), "--udp=" + onAll(udpPort)}
	for _, o := range options {
		args = append(args, o.portArgs()...)
	}
	return args
}

// Bind is a container that takes a TCP port and keeps it, or ends with
// BindFailed when it cannot have it.
func Bind(port int, options ...PortOption) []string {
	args := []string{"bind", "--tcp=" + onAll(port)}
	for _, o := range options {
		args = append(args, o.portArgs()...)
	}
	return args
}

// Dial is a container that gets the http URL n times, each time with a
// connection of its own, logs each try (record.Dialled), and ends: with 0 when
// all were answered, whatever the status, or else with 1.
func Dial(url string, n int, options ...DialOption) []string {
	args := []string{"dial", "--url=" + url, "--times=" + strconv.Itoa(n)}
	for _, o := range options {
		args = append(args, o.dialArgs()...)
	}
	return args
}

// Exit codes of the program's own.
const (
	UsageError = 64 // wrong arguments; the log has one line that is no JSON
	BindFailed = 98 // a port could not be had; the log has the errno
)

// Check is the command of an exec probe. Its exit code is 0 unless ExitCode
// says otherwise. Its output does not reach the container's log: use Record
// to count how often it ran.
func Check(options ...CheckOption) []string {
	args := []string{"check"}
	for _, o := range options {
		args = append(args, o.checkArgs()...)
	}
	return Command(args)
}

// Talk is the command of an exec request that says what it hears on stdin, and
// whether it talks to a terminal (record.Line.Terminal). It ends with a code
// when stdin does, or after so many lines of it; a negative number sets no limit.
// The aside, if any, is what it writes to stderr.
func Talk(lines, code int, aside string) []string {
	return Command([]string{"talk", "--lines=" + strconv.Itoa(lines), "--exit=" + strconv.Itoa(code), "--aside=" + aside})
}

// Say is a container that logs that it starts and ends, on stdout like all others, and
// between the two writes the aside to stderr.
func Say(aside string) []string { return []string{"talk", "--lines=0", "--aside=" + aside} }

// TakeMemory is a container that takes so many MiB of memory, logs how far it
// has come (record.Took), and ends with 0 when it has all of it.
func TakeMemory(mebibytes int) []string {
	return []string{"memory", "--take=" + strconv.Itoa(mebibytes)}
}

// Inform is a container that logs what it sees around it (record.Info), with
// the environment variables named, and ends.
func Inform(env ...string) []string {
	args := []string{"info"}
	for _, name := range env {
		args = append(args, "--env="+name)
	}
	return args
}

// Version is a container that prints the build ID and ends.
func Version() []string { return []string{"version"} }

// Command makes of a container's arguments a command to execute in a running
// container.
func Command(args []string) []string { return append([]string{Program}, args...) }

// Options of the constructors; each says by its interfaces whose it is.
type (
	// RunOption is an option of Run.
	RunOption interface{ runArgs() []string }
	// ServeOption is an option of Serve.
	ServeOption interface{ serveArgs() []string }
	// PortOption is an option of Collect and Bind.
	PortOption interface{ portArgs() []string }
	// DialOption is an option of Dial.
	DialOption interface{ dialArgs() []string }
	// CheckOption is an option of Check.
	CheckOption interface{ checkArgs() []string }

	// Common is an option of all constructors that take options.
	Common []string
	// Living is an option of containers that live until they are told to end.
	Living []string
	// Ending is an option of Run and Check.
	Ending []string
	// Sending is an option of Run, Serve and Dial.
	Sending []string

	runOnly   []string
	serveOnly []string
	checkOnly []string
	dialOnly  []string
)

func (a Common) runArgs() []string      { return a }
func (a Common) serveArgs() []string    { return a }
func (a Common) portArgs() []string     { return a }
func (a Common) checkArgs() []string    { return a }
func (a Common) dialArgs() []string     { return a }
func (a Living) runArgs() []string      { return a }
func (a Living) serveArgs() []string    { return a }
func (a Living) portArgs() []string     { return a }
func (a Ending) runArgs() []string      { return a }
func (a Ending) checkArgs() []string    { return a }
func (a runOnly) runArgs() []string     { return a }
func (a serveOnly) serveArgs() []string { return a }
func (a checkOnly) checkArgs() []string { return a }
func (a dialOnly) dialArgs() []string   { return a }
func (a Sending) runArgs() []string     { return a }
func (a Sending) serveArgs() []string   { return a }
func (a Sending) dialArgs() []string    { return a }

// ID is the name that the lines carry. Without it that is the hostname, so
// containers of one pod that share a file or a collector need it.
func ID(name string) Common { return Common{"--id=" + name} }

// Record appends every line to a file too. On a volume it keeps the lines of
// all instances of a container, and of several containers, in order.
func Record(path string) Common { return Common{"--record=" + path} }

// Unfinished leaves out the line break after the last line, the one about the exit.
func Unfinished() Common { return Common{"--unfinished"} }

// OnTerm is what SIGTERM does; without it the process ends with 143 at once.
func OnTerm(p TermPolicy) Living { return Living{"--on-term=" + string(p)} }

// TermPolicy is what a process does on SIGTERM. It logs the signal in any
// case.
type TermPolicy string

// Ignore lives on until SIGKILL.
const Ignore TermPolicy = "ignore"

// ExitWith ends with a code at once.
func ExitWith(code int) TermPolicy { return TermPolicy("exit:" + strconv.Itoa(code)) }

// LingerThen goes on for a while and ends with a code then.
func LingerThen(d time.Duration, code int) TermPolicy {
	return TermPolicy("delay:" + d.String() + ":" + strconv.Itoa(code))
}

// For is how long the container lives; without it, until it is told to end.
func For(d time.Duration) RunOption { return runOnly{"--for=" + d.String()} }

// ExitCode is how the process ends when its time has come; without it, 0.
func ExitCode(code int) Ending { return Ending{"--exit=" + strconv.Itoa(code)} }

// KillSelf ends the process by a signal, "KILL" or "TERM", when its time has
// come. The kernel drops the signals that PID 1 sends to itself: the pod has
// to share its process namespace, else the program ends with UsageError.
func KillSelf(signal string) RunOption { return runOnly{"--signal-self=" + signal} }

// Schedule gives each instance of a container a life of its own, the last one
// to all that follow. The file counts the instances; it must be on a volume
// and no other container's.
func Schedule(stateFile string, lives ...Life) RunOption {
	all := make([]string, len(lives))
	for i, l := range lives {
		all[i] = string(l)
	}
	return runOnly{"--state=" + stateFile, "--schedule=" + strings.Join(all, ",")}
}

// Life is how long one instance lives and how it ends.
type Life string

// Forever lives until it is told to end.
const Forever Life = "forever"

// ExitAfter ends with a code after a time.
func ExitAfter(d time.Duration, code int) Life {
	return Life(d.String() + ":" + strconv.Itoa(code))
}

// KillAfter ends by a signal after a time, see KillSelf.
func KillAfter(d time.Duration, signal string) Life { return Life(d.String() + ":" + signal) }

// Beat logs a heartbeat each d.
func Beat(d time.Duration) RunOption { return runOnly{"--beat=" + d.String()} }

// BeatTo sends every line, heartbeats too, to the UDP port of a Collect
// container.
func BeatTo(ip string, udpPort int) Sending {
	return Sending{"--beat-to=" + net.JoinHostPort(ip, strconv.Itoa(udpPort))}
}

// AndDial gets another URL after the first one, as often.
func AndDial(url string) DialOption { return dialOnly{"--url=" + url} }

// HTTP answers the pages of the package's documentation on a port.
func HTTP(port int) ServeOption { return serveOnly{"--http=" + onAll(port)} }

// HTTPS answers the same pages as HTTP by HTTPS, with a certificate made at
// start that nobody signed.
func HTTPS(port int) ServeOption { return serveOnly{"--https=" + onAll(port)} }

// Script is what a path answers, request by request; the last answer repeats.
func Script(path string, answers ...Answers) ServeOption {
	all := make([]string, len(answers))
	for i, a := range answers {
		all[i] = string(a)
	}
	return serveOnly{"--script=" + path + "=" + strings.Join(all, ",")}
}

// Answers are equal answers that follow each other.
type Answers string

// Times answers a status n times, for ever when it is last in a script.
func Times(n, status int) Answers {
	return Answers(strconv.Itoa(status) + "x" + strconv.Itoa(n))
}

// Always answers a status for ever.
func Always(status int) Answers { return Answers(strconv.Itoa(status)) }

// TCP takes connections on a port.
func TCP(port int, mode TCPMode) ServeOption {
	return serveOnly{"--tcp=" + onAll(port), "--tcp-mode=" + string(mode)}
}

// TCPMode is how a port treats those who connect.
type TCPMode string

// The ways to treat those who connect. The RST of Reset now and then arrives
// before the client has looked at its connection, and then its connect fails
// though the handshake was made; so one probe alone proves nothing there.
const (
	Accept     TCPMode = "accept"      // accept and read until the client leaves
	Close      TCPMode = "close"       // accept and close at once
	Reset      TCPMode = "reset"       // accept and send RST at once
	ListenOnly TCPMode = "listen-only" // never accept; the kernel shakes hands all the same, until somebody asks for /full
	BoundOnly  TCPMode = "bound"       // own the port without listening: connections are refused
	Scripted   TCPMode = "scripted"    // accept while ScriptedPath answers 200, refuse while it does not; needs HTTP
)

// ScriptedPath is the path whose answer opens and closes a Scripted port.
const ScriptedPath = "/tcp"

// GRPC answers the gRPC health service on a port: a service is SERVING while
// the path of its name (/NAME) answers 200 by Script or /set, else
// NOT_SERVING, and unknown when there is neither. The service without a name
// is SERVING unless a /set for / says otherwise.
func GRPC(port int) ServeOption { return serveOnly{"--grpc=" + onAll(port)} }

// Sleep is how long a check takes.
func Sleep(d time.Duration) CheckOption { return checkOnly{"--sleep=" + d.String()} }

// LifeFile makes a check take and end as a file says that holds a Life with a
// code, so that one probe can go through several.
func LifeFile(path string) CheckOption { return checkOnly{"--life-file=" + path} }

// ChainPath is the page that redirects n times, each time to another page of
// its port, and answers 200 at the end; the query goes along.
func ChainPath(n int) string { return "/chain/" + strconv.Itoa(n) }

// Ask is a check that fails unless a port of its own pod answers 200 on a path:
// so a container that serves decides how its exec probes end, and its log
// counts them.
func Ask(port int, path string) CheckOption {
	return checkOnly{fmt.Sprintf("--get=http://127.0.0.1:%d%s", port, path)}
}

// StatusPath is the page that answers a status, for probes; with a location,
// if it is not "", as a redirect there.
func StatusPath(status int, location string) string {
	path := "/status/" + strconv.Itoa(status)
	if location != "" {
		path += "?location=" + location
	}
	return path
}

func onAll(port int) string { return ":" + strconv.Itoa(port) }
