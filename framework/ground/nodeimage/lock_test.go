package nodeimage

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podproof/podproof/framework/progress"
)

func TestTheSecondBuilderWaitsAndSaysSo(t *testing.T) {
	g, dir, log := NewWithT(t), t.TempDir(), &lines{}
	release, err := lock(t.Context(), dir, progress.Discard())
	g.Expect(err).NotTo(HaveOccurred())

	got := make(chan error, 1)
	go func() {
		second, err := lock(t.Context(), dir, log)
		if err == nil {
			second()
		}
		got <- err
	}()
	g.Eventually(func() []string {
		log.mu.Lock()
		defer log.mu.Unlock()
		return append([]string{}, log.said...)
	}).Should(ConsistOf(MatchRegexp(`waiting for the node image that another podproof builds \(process \d+\)`)))
	g.Consistently(got, "50ms").ShouldNot(Receive())
	release()
	g.Eventually(got, "5s").Should(Receive(BeNil()))
}

func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	g, dir := NewWithT(t), t.TempDir()
	release, err := lock(t.Context(), dir, progress.Discard())
	g.Expect(err).NotTo(HaveOccurred())
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lock(ctx, dir, progress.Discard())
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
}
