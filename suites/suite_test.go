package suites_test

import (
	"testing"

	"github.com/podproof/podproof/suites"
)

func TestPods(t *testing.T) { suites.Run(t) }
