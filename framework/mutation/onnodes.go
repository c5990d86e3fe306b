package mutation

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/podproof/podproof/framework/ground/kind"
)

// onNodes is a component that consists of programs on nodes.
type onNodes struct {
	role    string // of the nodes
	service string // the unit that runs it, "" when it only runs when called
	paths   []string
	// runsPods is set for what the kubelet needs to run a pod.
	runsPods bool

	started map[string]string // what runs on each node since install
}

// exchange wraps a change of the programs' files, of which the originals are kept in a
// directory: their service is stopped meanwhile. It prints when it was, by the node's
// clock: a second in which the service before did not run any more, since a kubelet tells
// the time of its reports in whole seconds.
func (p *onNodes) exchange(change, keptIn string) string {
	stop, start := "", ""
	if p.service != "" {
		stop = "systemctl stop " + p.service + `
stopped=$(date +%s)
while test "$(date +%s)" -le "$stopped"; do sleep 0.1; done`
		start = "systemctl start " + p.service
	}
	return fmt.Sprintf("set -e\nmkdir -p %s\n%s\n%s\ndate +%%s\n%s\n", keptIn, stop, change, start)
}

// installing puts new programs, which lie beside those of the node, in their place.
func (p *onNodes) installing(keptIn string) string {
	var change strings.Builder
	for _, to := range p.paths {
		fmt.Fprintf(&change, "%[1]smv -f %[2]s.new %[2]s\n", keepOriginal(to, kept(keptIn, to)), to)
	}
	return change.String()
}

// restoring undoes installing, as far as it came.
func (p *onNodes) restoring(keptIn string) string {
	var change strings.Builder
	for _, to := range p.paths {
		fmt.Fprintf(&change, "rm -f %[2]s.new\ntest ! -e %[1]s || mv -f %[1]s %[2]s\n", kept(keptIn, to), to)
	}
	return change.String()
}

// keepOriginal is a script, for sh with -e, that keeps a copy of a file unless there is
// one. A copy that fails half-way is none, and ends the script: within a list of && or ||
// sh would go on.
func keepOriginal(file, kept string) string {
	return fmt.Sprintf("if ! test -e %[2]s; then\n  cp -p %[1]s %[2]s.part\n  mv %[2]s.part %[2]s\nfi\n", file, kept)
}

// kept is where the original of a program is kept.
func kept(dir, program string) string { return path.Join(dir, path.Base(program)+".original") }

func (p *onNodes) install(ctx context.Context, c *kind.Cluster, dir string) error {
	since, err := p.everywhere(ctx, c, func(ctx context.Context, node string) (string, error) {
		for _, to := range p.paths {
			if err := c.CopyToNode(ctx, node, program(dir, to), to+".new"); err != nil {
				return "", err
			}
		}
		return p.exchange(p.installing(originals), originals), nil
	})
	if err != nil {
		return err
	}
	if err := p.settled(ctx, c, since); err != nil {
		return err
	}
	p.started, err = p.running(ctx, c)
	return err
}

// settled waits until the nodes work again. A kubelet tells of itself; of what is under
// it, a pod that is run to its end does.
func (p *onNodes) settled(ctx context.Context, c *kind.Cluster, since map[string]time.Time) error {
	if p.runsPods {
		return works(ctx, c)
	}
	return c.AwaitNodes(ctx, since)
}

func (p *onNodes) restore(ctx context.Context, c *kind.Cluster) error {
	since, err := p.everywhere(ctx, c, func(context.Context, string) (string, error) {
		return p.exchange(p.restoring(originals), originals), nil
	})
	if err != nil {
		return err
	}
	return p.settled(ctx, c, since)
}

// everywhere runs a script of exchange on each node, and returns when they were run.
// Only a kubelet tells of itself, so for other services there is nothing to wait for.
func (p *onNodes) everywhere(ctx context.Context, c *kind.Cluster, script func(ctx context.Context, node string) (string, error)) (map[string]time.Time, error) {
	nodes := nodesOf(c, p.role)
	times := make([]time.Time, len(nodes))
	group, ctx := errgroup.WithContext(ctx)
	for n, node := range nodes {
		group.Go(func() error {
			text, err := script(ctx, node)
			if err != nil {
				return err
			}
			printed, err := c.Run(ctx, node, "sh", "-c", text)
			if err != nil {
				return err
			}
			seconds, err := strconv.ParseInt(printed, 10, 64)
			if err != nil {
				return fmt.Errorf("the clock of node %s says: %w", node, err)
			}
			times[n] = time.Unix(seconds, 0)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	since := map[string]time.Time{}
	if p.service == "kubelet" {
		for n, node := range nodes {
			since[node] = times[n]
		}
	}
	return since, nil
}

// running says for each node which process the service is. It fails where there is
// none.
func (p *onNodes) running(ctx context.Context, c *kind.Cluster) (map[string]string, error) {
	processes := map[string]string{}
	if p.service == "" {
		return processes, nil
	}
	for _, node := range nodesOf(c, p.role) {
		id, err := c.Run(ctx, node, "systemctl", "show", "--property", "MainPID", "--value", p.service)
		if err != nil {
			return nil, err
		}
		if id == "" || id == "0" {
			return nil, fmt.Errorf("%s does not run on node %s", p.service, node)
		}
		processes[node] = id
	}
	return processes, nil
}

func (p *onNodes) intact(ctx context.Context, c *kind.Cluster) error {
	now, err := p.running(ctx, c)
	if err != nil {
		return err
	}
	for node, id := range p.started {
		if now[node] != id {
			return fmt.Errorf("%s ended on node %s and was started again", p.service, node)
		}
	}
	return nil
}
