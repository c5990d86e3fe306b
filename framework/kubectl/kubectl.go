// Package kubectl finds a kubectl that fits the cluster under test, and runs it.
package kubectl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/cluster"
	"k8s.io/apimachinery/pkg/util/version"
)

// findTime is how long a kubectl may take to tell its version, on a busy
// machine.
const findTime = 30 * time.Second

// Client is a kubectl that works on the cluster under test.
type Client struct {
	// Where it is: a node of the cluster, or a path here.
	Where   string
	Version *version.Version

	command func(ctx context.Context, given streams, args []string) *exec.Cmd
}

// streams are what a call is given. Of a terminal its stdout can be a pipe all the same.
type streams struct{ stdin, terminal, piped bool }

// Result is how a call of kubectl ended.
type Result struct {
	Args           []string
	Stdout, Stderr string
	Code           int
}

// String shows the call and all that came of it.
func (r Result) String() string {
	return fmt.Sprintf("kubectl %s\nexit code %d\nstdout: %s\nstderr: %s", strings.Join(r.Args, " "), r.Code, r.Stdout, r.Stderr)
}

// Find looks for a kubectl whose version is supported for the server: at most
// one minor apart (https://kubernetes.io/releases/version-skew-policy/#kubectl).
// That of a node image is the cluster's own and goes first; then comes that on
// the PATH. The error says why neither will do.
func Find(ctx context.Context, c *cluster.Info, server *version.Version) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	var why []string
	for _, candidate := range []func(*cluster.Info) (*Client, error){onNode, onPath} {
		k, err := candidate(c)
		if err == nil {
			err = k.fits(ctx, server)
		}
		if err == nil {
			return k, nil
		}
		why = append(why, err.Error())
	}
	return nil, errors.New(strings.Join(why, "; "))
}

// onNode is the kubectl of the control plane's node, in reach where nodes are
// containers of an engine here.
func onNode(c *cluster.Info) (*Client, error) {
	if c.Control == nil {
		return nil, errors.New("the control plane's node, which may have one, is out of reach")
	}
	for _, n := range c.Nodes {
		if n.Role != "control-plane" {
			continue
		}
		return &Client{Where: "node " + n.Name, command: func(ctx context.Context, given streams, args []string) *exec.Cmd {
			call := append([]string{"kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"}, args...)
			if given.piped {
				// The engine puts all of a command on the terminal or nothing.
				call = append([]string{"bash", "-o", "pipefail", "-c", `"$@" | cat`, "bash"}, call...)
			}
			return c.Control.Command(ctx, n.Name, given.stdin, given.terminal, call...)
		}}, nil
	}
	return nil, errors.New("no node of the cluster is its control plane")
}

// onPath is the user's own, without the user's preferences.
func onPath(c *cluster.Info) (*Client, error) {
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return nil, errors.New("there is none on the PATH")
	}
	return &Client{Where: path, command: func(ctx context.Context, _ streams, args []string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, path, append([]string{"--context=" + c.Context}, args...)...)
		// The flag --kubeconfig takes one file only.
		cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig, "KUBERC=off")
		// A Ctrl-C at the terminal reaches it through ctx only.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.WaitDelay = 5 * time.Second
		return cmd
	}}, nil
}

// fits asks kubectl for its version and compares that with the server's.
func (k *Client) fits(ctx context.Context, server *version.Version) error {
	asked, err := k.Run(ctx, "", "version", "--client", "--output=json")
	if err != nil {
		return err
	}
	var answer struct {
		ClientVersion struct{ GitVersion string }
	}
	if err := json.Unmarshal([]byte(asked.Stdout), &answer); err != nil {
		return fmt.Errorf("kubectl of %s does not report its version: %w: %s", k.Where, err, asked)
	}
	if k.Version, err = version.ParseGeneric(answer.ClientVersion.GitVersion); err != nil {
		return fmt.Errorf("kubectl of %s: version %q: %w", k.Where, answer.ClientVersion.GitVersion, err)
	}
	return skew(k.Where, k.Version, server)
}

// skew says why a kubectl of that version is not supported for the server.
func skew(where string, client, server *version.Version) error {
	apart := int(client.Minor()) - int(server.Minor())
	if client.Major() != server.Major() || apart > 1 || apart < -1 {
		return fmt.Errorf("kubectl of %s is %s, and only one at most a minor from the server's %d.%d is supported", where, client, server.Major(), server.Minor())
	}
	return nil
}

// Run calls kubectl with this on its stdin; "" gives it none. The error is that
// it could not be called; its exit code is a result.
func (k *Client) Run(ctx context.Context, stdin string, args ...string) (Result, error) {
	cmd := k.command(ctx, streams{stdin: stdin != ""}, args)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	return k.result(ctx, args, out.String(), errOut.String(), err)
}

// RunInTerminal calls kubectl as a person does: its stdin, stdout and stderr are
// one terminal, on which this is typed. If piped, the person has put a pipe after
// kubectl, so stdout is no terminal. All that is shown is the result's stdout.
func (k *Client) RunInTerminal(ctx context.Context, typed string, piped bool, args ...string) (Result, error) {
	person, terminal, err := openTerminal()
	if err != nil {
		return Result{}, fmt.Errorf("a terminal for kubectl: %w", err)
	}
	defer person.Close()
	cmd := k.command(ctx, streams{stdin: true, terminal: true, piped: piped}, args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	var output bytes.Buffer
	if piped {
		cmd.Stdout = &output
	}
	err = cmd.Start()
	terminal.Close()
	if err != nil {
		return Result{}, fmt.Errorf("kubectl of %s: %w", k.Where, err)
	}
	shown := make(chan string, 1)
	go func() {
		// The error is that nobody has the terminal open any more.
		text, _ := io.ReadAll(person)
		shown <- string(text)
	}()
	_, typing := io.WriteString(person, typed)
	err = cmd.Wait()
	return k.result(ctx, args, <-shown+output.String(), "", errors.Join(err, typing))
}

func (k *Client) result(ctx context.Context, args []string, out, errOut string, err error) (Result, error) {
	r := Result{Args: args, Stdout: out, Stderr: errOut}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("kubectl of %s did not end: %w\n%s", k.Where, context.Cause(ctx), r)
	case errors.As(err, &exit) && exit.Exited() && refusedByEngine(out+errOut):
		return r, fmt.Errorf("%w (kubectl of %s)\n%s", ErrEngine, k.Where, r)
	case errors.As(err, &exit) && exit.Exited():
		r.Code = exit.ExitCode()
		return r, nil
	case err != nil:
		return r, fmt.Errorf("kubectl of %s: %w\n%s", k.Where, err, r)
	}
	return r, nil
}

// ErrEngine is the error of a call that the engine of the node did not make: its exit code
// is not kubectl's.
var ErrEngine = errors.New("the container engine could not run a command on the node")

// refusedByEngine tells what an engine prints when it cannot run a command in a container.
func refusedByEngine(printed string) bool {
	for _, its := range []string{"Error response from daemon: ", "OCI runtime exec failed: "} {
		if strings.HasPrefix(printed, its) {
			return true
		}
	}
	return false
}
