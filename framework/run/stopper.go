package run

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/podproof/podproof/framework/progress"
	"github.com/podproof/podproof/reports"
)

// Stopper turns interrupts into an orderly end: the first one stops set-up or
// asks the specs to end, and cleans up; the second one also cuts the specs'
// own clean-up short; the third one ends podproof at once.
type Stopper struct {
	// Context ends with the first interrupt.
	Context context.Context
	cancel  context.CancelFunc
	signals chan os.Signal
	specs   atomic.Pointer[Ginkgo]
}

// NewStopper listens to signals until it is closed, and says on the log what each does.
func NewStopper(log progress.Log) *Stopper {
	s := &Stopper{signals: make(chan os.Signal, 3)}
	s.Context, s.cancel = context.WithCancel(context.Background())
	signal.Notify(s.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// Whoever reads what is printed may go, such as the tee of a pipe after a Ctrl-C:
	// without this, that would end podproof before it has cleaned up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		for n := 1; ; n++ {
			if _, more := <-s.signals; !more {
				return
			}
			// What is to be done comes first: nobody may be reading what is printed.
			s.cancel()
			running := s.specs.Load()
			switch {
			case running == nil:
			case n <= 2:
				running.interrupt()
			default:
				running.signal(syscall.SIGKILL)
			}
			switch n {
			case 1:
				go log.Info("interrupted: ending and cleaning up (again: without the specs' own clean-up)")
			case 2:
				go log.Info("interrupted again: only removing the cluster now (once more: leave it to `make clean`)")
			default:
				said := make(chan struct{})
				go func() {
					log.Info("interrupted a third time: `make clean` removes what is left")
					close(said)
				}()
				select {
				case <-said:
				case <-time.After(time.Second):
				}
				os.Exit(reports.ExitInterrupted)
			}
		}
	}()
	return s
}

// Close stops listening to signals, and ends the context.
func (s *Stopper) Close() {
	signal.Stop(s.signals)
	close(s.signals)
	s.cancel()
}

// Await waits for the end of Ginkgo's tool and passes interrupts on to it meanwhile; see
// Ginkgo.wait for its error.
func (s *Stopper) Await(running *Ginkgo) error {
	s.specs.Store(running)
	defer s.specs.Store(nil)
	if s.Context.Err() != nil { // since before anybody could pass it on
		running.interrupt()
	}
	return running.wait(s.Context)
}
