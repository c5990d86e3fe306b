// Package importer is another module that runs some of podproof's claims in its own tests.
package importer

import (
	"os"
	"testing"

	"github.com/podproof/podproof/framework/options"
	"github.com/podproof/podproof/suites"
)

func TestPods(t *testing.T) {
	suites.Test(t, options.Options{Kubeconfig: os.Getenv("KUBECONFIG"), Focus: []string{"NET-01"}})
}
