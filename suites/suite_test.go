package suites_test

import (
	"testing"

	"github.com/onsi/ginkgo/v2"
	"github.com/podproof/podproof/suites"
)

// Ginkgo's command line only takes a package whose tests import Ginkgo for a
// suite, and would run another one in a single process.
var _ ginkgo.GinkgoTestingT = (*testing.T)(nil)

func TestPods(t *testing.T) { suites.Run(t) }
