package probes

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/fixtures/witness/record"
	"github.com/podproof/podproof/framework/journal"
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/spec"
	"github.com/podproof/podproof/framework/witness"
	corev1 "k8s.io/api/core/v1"
)

// answer is what an HTTP probe gets.
type answer struct {
	code int               // 0 if the probe gets no status
	text string            // the rest of the description
	how  map[string]string // for the witness's page /set
	// goal is the page that the probe has to follow to. It is "" if there is none or if
	// the probe's result alone shows that it went there.
	goal, mark string
}

func (a answer) String() string {
	switch {
	case a.code == 0:
		return a.text
	case a.text == "":
		return strconv.Itoa(a.code)
	}
	return fmt.Sprintf("%d %s", a.code, a.text)
}

func status(code int) answer {
	return answer{code: code, how: map[string]string{"code": strconv.Itoa(code)}}
}

func statuses(codes ...int) []answer {
	var all []answer
	for _, code := range codes {
		all = append(all, status(code))
	}
	return all
}

// with adds a setting of the witness's page /set, with its text for messages.
func (a answer) with(setting, value, text string) answer {
	a.how = map[string]string{"code": a.how["code"], setting: value}
	a.text = text
	return a
}

func redirect(code int, to, text string) answer {
	return status(code).with("location", to, "to "+text)
}

// goingTo is a redirect to a page of the same server that passes. Only the log shows that
// the probe went there.
func goingTo(code, target int) answer {
	mark := fmt.Sprintf("from=%d", code)
	goal := witness.StatusPath(target, "")
	a := redirect(code, goal+"?"+mark, fmt.Sprintf("a page of the same host that answers %d", target))
	a.goal, a.mark = goal, mark
	return a
}

// The controls: the answer that removes readiness in a table of what passes, and the answer
// that restores it in a table of what fails.
var (
	hungUp = answer{text: "no answer, since the server hangs up", how: map[string]string{"hang-up": "1"}}
	fine   = status(200)
)

// table is a Pod whose containers have readiness probes, with one server that gives all the
// answers.
type table struct {
	ns      space
	story   *journal.Story
	columns []string // containers that share the answers of a table
	last    map[string]*journal.Version
	given   map[string]int // how many answers were set for a container
}

// server is the container that answers the probes of all containers of its Pod.
const server = "server"

// way is how the probe of a column reaches the server.
type way struct {
	port    int
	options []pod.ProbeOption
}

var (
	overHTTP  = way{port: httpPort}
	overHTTPS = way{port: httpsPort, options: []pod.ProbeOption{pod.Secure()}}
)

// table starts the Pod of a table: the server, which is the first column, the other columns,
// and further containers. Each column requests its own path, which is its name.
func (s space) table(ctx SpecContext, name string, columns []way, options ...pod.Option) *table {
	GinkgoHelper()
	t := &table{ns: s, last: map[string]*journal.Version{}, given: map[string]int{}}
	for i, way := range columns {
		container, args := server, witness.Serve(witness.HTTP(httpPort), witness.HTTPS(httpsPort))
		if i > 0 {
			container, args = fmt.Sprintf("column-%d", i+1), witness.Serve(witness.HTTP(httpPort+i))
		}
		t.columns = append(t.columns, container)
		options = append(options, s.Witness(container, args, pod.Readiness(asking(container, way))))
	}
	t.story = spec.Must(s.Create(ctx, pod.New(name, options...)))
	s.awaitListening(ctx, t.story, server, 2)
	return t
}

// asking is a probe whose every result counts. Its timeout is long, so that a busy machine
// does not lose an answer.
func asking(path string, by way, options ...pod.ProbeOption) *corev1.Probe {
	probe := pod.HTTPGet(by.port, "/"+path, pod.Threshold(1), pod.Timeout(10))
	for _, option := range append(by.options, options...) {
		option(probe)
	}
	return probe
}

// give sets the server's answer to a container's probe from now on.
func (t *table) give(ctx SpecContext, container string, a answer) {
	GinkgoHelper()
	query := map[string]string{"path": "/" + container}
	for name, value := range a.how {
		query[name] = value
	}
	spec.Must(t.ns.Get(ctx, t.story, httpPort, "/set", query))
	t.given[container]++
}

// turn sets the containers' answers and expects each container to turn accordingly.
func (t *table) turn(ctx SpecContext, answers map[string]answer, ready bool) {
	GinkgoHelper()
	for container, a := range answers {
		t.give(ctx, container, a)
	}
	t.awaitAsked(ctx, answers)
	for container, a := range answers {
		t.last[container] = expectTurn(ctx, t.story, container, ready, a.String(), t.last[container])
	}
}

// awaitAsked waits until a probe of each container has come since its answer was set. A turn
// does not prove that: a busy kubelet can publish its older knowledge once more (SyncPod in
// pkg/kubelet/kubelet.go collects a status while syncLoopIteration publishes the result of
// a probe).
func (t *table) awaitAsked(ctx SpecContext, answers map[string]answer) {
	GinkgoHelper()
	soon, cancel := context.WithTimeout(ctx, turnTime)
	defer cancel()
	spec.Must(t.ns.FollowLog(soon, t.story, server, "a probe of each container with its new answer", func(lines []record.Line) bool {
		for container := range answers {
			if !askedAfter(lines, "/"+container, t.given[container]) {
				return false
			}
		}
		return true
	}))
}

// askedAfter reports whether a request for the path came after its n-th answer was set.
func askedAfter(lines []record.Line, path string, n int) bool {
	for _, l := range lines {
		switch {
		case l.Request == nil:
		case l.Request.Path == "/set":
			if query, err := url.ParseQuery(l.Request.Query); err == nil && query.Get("path") == path {
				n--
			}
		case asksFor(l.Request, path) && n <= 0:
			return true
		}
	}
	return false
}

// asksFor reports whether a request is for the path or, by gRPC, for the service whose
// answers are set under that path.
func asksFor(r *record.Request, path string) bool {
	return r.Path == path || r.Service != nil && "/"+*r.Service == path
}

// expect goes through the answers in all columns at the same time: one that must pass, then
// one that must fail. If no answer of a kind is left, the control replaces it.
func (t *table) expect(ctx SpecContext, passing, failing []answer) {
	GinkgoHelper()
	all := append(append([]answer{}, passing...), failing...)
	for len(passing)+len(failing) > 0 {
		t.turn(ctx, t.deal(&passing, fine), true)
		t.turn(ctx, t.deal(&failing, hungUp), false)
	}
	t.expectGiven(ctx, all)
}

// deal takes an answer for each column.
func (t *table) deal(answers *[]answer, control answer) map[string]answer {
	dealt := map[string]answer{}
	for _, column := range t.columns {
		dealt[column] = control
		if len(*answers) > 0 {
			dealt[column], *answers = (*answers)[0], (*answers)[1:]
		}
	}
	return dealt
}

// expectGiven checks that probes have got the answers and have followed the redirects.
func (t *table) expectGiven(ctx SpecContext, answers []answer) {
	GinkgoHelper()
	lines := spec.Must(t.ns.Log(ctx, t.story, server, false))
	given := map[int]bool{}
	for _, column := range t.columns {
		for _, probe := range witness.Probes(lines, "/"+column) {
			given[probe.Status] = true
		}
	}
	for _, a := range answers {
		Expect(given).To(HaveKey(a.code), "no probe got the answer %s\n%s", a, t.story)
		if a.goal != "" {
			Expect(witness.Probes(lines, a.goal)).To(ContainElement(HaveField("Query", a.mark)), "a probe must follow this redirect: %s\n%s", a, t.story)
		}
	}
}
