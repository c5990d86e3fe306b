package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

// These tests open the page as a person does, in Chromium without a window. With
// PODPROOF_LOOK=DIR they also leave what they saw there, as PNG and PDF.

// lookVariable names the directory for what the tests saw.
const lookVariable = "PODPROOF_LOOK"

// browserPath finds Chromium, or skips the test.
func browserPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is on PATH, so the page cannot be opened; on Debian: apt-get install chromium")
	return ""
}

// browser starts Chromium for a test.
func browser(t *testing.T) context.Context {
	t.Helper()
	limited, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // seconds, where the machine is not busy
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browserPath(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TMPDIR="+t.TempDir())) // it leaves directories there when it is killed
	allocated, stop := chromedp.NewExecAllocator(limited, options...)
	t.Cleanup(stop)
	ctx, closing := chromedp.NewContext(allocated)
	t.Cleanup(closing)
	return ctx
}

func TestBrowser(t *testing.T) {
	ctx := browser(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, context.Context)
	}{
		{"is left in peace", isLeftInPeace},
		{"filters by keyboard", filtersByKeyboard},
		{"reads without a script", readsWithoutScript},
		{"sees everything", seesEverything},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab, closing := chromedp.NewContext(ctx)
			defer closing()
			test.run(t, tab)
		})
	}
}

// pages are the records that are looked at: a real run, a whole one with failures, one with
// a spec of every fate, and one that could not begin.
func pages(_ *testing.T) map[string]reports.Record {
	return map[string]reports.Record{
		"real":   sample.Real(),
		"full":   sample.Failing(sample.Failing(sample.Full(117, sample.LikeReal), 60), 50),
		"sample": sample.Record(),
		"setup":  reports.New(sample.Catalogue(), reports.Run{SetupError: "no engine answers\nat all"}, []reports.Spec{sample.InState("A-01", reports.Unstarted)}, nil),
	}
}

// pageOf writes the page of a record and returns its address.
func pageOf(t *testing.T, r reports.Record) string {
	t.Helper()
	g := NewWithT(t)
	text, err := HTML(r)
	g.Expect(err).NotTo(HaveOccurred())
	path := filepath.Join(t.TempDir(), "report.html")
	g.Expect(os.WriteFile(path, text, 0o600)).To(Succeed())
	return "file://" + path
}

// screen is how a person looks at the page.
type screen struct {
	name  string
	width int64
	dark  bool
}

var screens = []screen{{"phone", 390, false}, {"phone-dark", 390, true}, {"laptop", 1280, false}, {"laptop-dark", 1280, true}}

func (s screen) set(g *WithT, ctx context.Context) {
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	do(g, ctx, chromedp.EmulateViewport(s.width, 900))
	call(g, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// do takes steps in the page, which have to succeed.
func do(g *WithT, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	g.Expect(chromedp.Do(ctx, steps...)).To(Succeed())
}

// call gives the browser a command of its protocol.
func call[P, R any](g *WithT, ctx context.Context, command cdp.Command[P, R], params P) R {
	result, err := chromedp.Call(ctx, command, params)
	g.Expect(err).NotTo(HaveOccurred())
	return result
}

// ask evaluates an expression in the page.
func ask[T any](g *WithT, ctx context.Context, expression string) T {
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	g.Expect(err).NotTo(HaveOccurred())
	return value
}

// unfold opens everything that is folded.
func unfold(g *WithT, ctx context.Context) {
	ask[int](g, ctx, `[...document.querySelectorAll('details')].map(d => d.open = true).length`)
}

// No request leaves the page, and nothing is complained of.
func isLeftInPeace(t *testing.T, ctx context.Context) {
	for name, r := range pages(t) {
		g := NewWithT(t)
		address := pageOf(t, r)
		var mu sync.Mutex
		var requests, complaints []string
		tab, closing := chromedp.NewContext(ctx) // with ears of its own
		g.Expect(chromedp.Listen(tab, func(event any) {
			mu.Lock()
			defer mu.Unlock()
			switch e := event.(type) {
			case *network.EventRequestWillBeSent:
				requests = append(requests, e.Request.URL)
			case *runtime.EventExceptionThrown:
				complaints = append(complaints, e.ExceptionDetails.Text)
			case *runtime.EventConsoleAPICalled:
				complaints = append(complaints, "console."+string(e.Type))
			case *cdplog.EventEntryAdded:
				complaints = append(complaints, e.Entry.Text)
			}
		})).To(Succeed())
		call(g, tab, network.Enable, network.EnableParams{})
		call(g, tab, cdplog.Enable, cdp.Empty{})
		call(g, tab, runtime.Enable, cdp.Empty{})
		do(g, tab, chromedp.Navigate(address))
		unfold(g, tab)
		do(g, tab, chromedp.Sleep(100*time.Millisecond))
		mu.Lock()
		g.Expect(requests).To(HaveEach(Or(Equal(address), HavePrefix("data:"))), name)
		g.Expect(requests).To(ContainElement(address), name)
		g.Expect(complaints).To(BeEmpty(), name)
		mu.Unlock()
		closing()
	}
}

func filtersByKeyboard(t *testing.T, ctx context.Context) {
	g := NewWithT(t)
	visible := func(selector string) []string {
		return ask[[]string](g, ctx, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).map(e => e.id)`, selector))
	}
	const claims = "tbody.claim"
	told := func() string { return ask[string](g, ctx, `document.getElementById('shown').textContent`) }
	r := pages(t)["full"]
	do(g, ctx, chromedp.Navigate(pageOf(t, r)))
	all := visible(claims)
	g.Expect(all).To(HaveLen(len(r.Claims)))

	// A key alone, as of a keyboard on which it is held back from typing.
	call(g, ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: "/"})
	do(g, ctx, chromedp.KeyEvent("backoff-0"))
	g.Expect(ask[string](g, ctx, `document.activeElement.value`)).To(Equal("backoff-0"))
	g.Expect(visible(claims)).To(And(HaveLen(9), HaveEach(HavePrefix("BACKOFF-0"))))
	g.Expect(told()).To(Equal(fmt.Sprintf("9 of %d claims", len(all))))
	do(g, ctx, chromedp.KeyEvent(kb.Escape))
	g.Expect(visible(claims)).To(Equal(all))
	g.Expect(told()).To(BeEmpty())

	// The first verdict after "all" is the worst there is.
	do(g, ctx, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.ArrowDown))
	g.Expect(visible(claims)).To(HaveLen(r.Summary.Nonconformant))
	g.Expect(visible("section.part")).To(And(ContainElement("problems"), Not(ContainElement("network"))), "a subject without a claim to show is not there")

	// A link to what the filter hides shows it, with all that it is folded into.
	ask[string](g, ctx, `location.hash = '#s1'`)
	g.Eventually(func() []string { return visible("#s1") }).WithTimeout(5 * time.Second).Should(HaveLen(1))
	g.Expect(visible(claims)).To(ContainElement(r.Specs[0].Claims[0]))
}

func readsWithoutScript(t *testing.T, ctx context.Context) {
	g := NewWithT(t)
	call(g, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	do(g, ctx, chromedp.Navigate(pageOf(t, sample.Record())))
	g.Expect(ask[[]bool](g, ctx, `[...document.querySelectorAll('tbody.claim')].map(e => e.checkVisibility())`)).To(And(Not(BeEmpty()), HaveEach(true)))
	g.Expect(ask[[]bool](g, ctx, `[...document.querySelectorAll('form')].map(e => e.checkVisibility())`)).To(HaveExactElements(false), "what needs a script is not offered without one")
}

// Every text has the contrast of WCAG 2 AA, every control a name, nothing is cut off
// or written over something else, on every screen.
func seesEverything(t *testing.T, ctx context.Context) {
	check, err := os.ReadFile("testdata/look.js")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, r := range pages(t) {
		g := NewWithT(t)
		do(g, ctx, chromedp.Navigate(pageOf(t, r)))
		for _, s := range screens {
			s.set(g, ctx)
			keep(g, ctx, s, name)
		}
		unfold(g, ctx)
		for _, s := range screens {
			s.set(g, ctx)
			keep(g, ctx, s, name+"-open")
			g.Expect(ask[[]string](g, ctx, string(check))).To(BeEmpty(), "%s on %s", name, s.name)
		}
		g.Expect(unnamed(g, ctx)).To(BeEmpty(), name)
	}
}

// unnamed lists what a screen reader would have no name for, by Chromium's own account.
func unnamed(g *WithT, ctx context.Context) []string {
	call(g, ctx, accessibility.Enable, cdp.Empty{})
	tree := call(g, ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	need := []string{"searchbox", "textbox", "combobox", "button", "link", "image", "region", "navigation", "heading", "DisclosureTriangle"}
	var bad []string
	named := 0
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `" `)
	}
	for _, n := range tree.Nodes {
		if n.Ignored || !slices.Contains(need, text(n.Role)) {
			continue
		}
		named++
		if text(n.Name) == "" {
			bad = append(bad, text(n.Role)+" "+string(n.NodeID))
		}
	}
	g.Expect(named).To(BeNumerically(">", 5), "the tree is there")
	return bad
}

// keep leaves what a person would see, for one who wants to look.
func keep(g *WithT, ctx context.Context, s screen, name string) {
	dir := os.Getenv(lookVariable)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(dir, name+"-"+s.name+".png"), png, 0o600)).To(Succeed())
	if s.name != "laptop" {
		return
	}
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o600)).To(Succeed())
}
