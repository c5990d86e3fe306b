package page

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/sample"
)

// What a full run costs: see docs/guide/figures.md.
func TestHTMLOfAFullRunIsSmallAndQuick(t *testing.T) {
	g := NewWithT(t)
	r := sample.Full(117, sample.LikeReal)
	page := htmlOf(t, r)
	took := cpuOf(t, func() { htmlOf(t, r) })
	g.Expect(took).To(BeNumerically("<", time.Second))
	g.Expect(len(page)).To(BeNumerically("<=", largestPage))
	g.Expect(strings.Count(page, "<svg class=p ")).To(BeNumerically(">=", 117), "every spec has a picture")
	dir := t.TempDir()
	g.Expect(reports.WriteRecord(dir, r)).To(Succeed())
	record, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(record)).To(BeNumerically("<", 1_000_000))
	t.Logf("the record has %d bytes; the page has %d and took %s of CPU", len(record), len(page), took)
}

// cpuOf is the processor time that something takes: the machine may be busy with other
// things at the moment.
func cpuOf(t *testing.T, do func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		NewWithT(t).Expect(syscall.Getrusage(syscall.RUSAGE_SELF, &u)).To(Succeed())
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	do()
	return used() - before
}

func TestHTMLOfVeryManyPods(t *testing.T) {
	g := NewWithT(t)
	r := sample.Failing(sample.Full(117, func(int) int { return 86 }), 50) // 10,062 pods
	data, err := json.Marshal(r)
	g.Expect(err).NotTo(HaveOccurred())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	page := htmlOf(t, r)
	runtime.ReadMemStats(&after)
	took := cpuOf(t, func() { htmlOf(t, r) })
	t.Logf("the record has %d bytes; the page has %d and took %s of CPU and %d bytes of memory", len(data), len(page), took, after.TotalAlloc-before.TotalAlloc)
	g.Expect(took).To(BeNumerically("<", time.Second))
	g.Expect(after.TotalAlloc-before.TotalAlloc).To(BeNumerically("<", 100<<20), "all that was ever allocated, of a record of %d bytes", len(data))
	g.Expect(len(page)).To(BeNumerically("<", 400_000))
	g.Expect(strings.Count(page, "Story of pod ")).To(Equal(mostPodsOfASpec), "what failed is told in full")
	g.Expect(page).To(MatchRegexp("8[56] further pods in record.json, not drawn here"))
}
