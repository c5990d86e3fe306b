// Podproof proves, on real pods, that a Kubernetes cluster treats Pods as
// documented. See README.md.
package main

import (
	"os"

	"github.com/podproof/podproof/framework/command"
	"github.com/podproof/podproof/suites"
)

func main() {
	os.Exit(command.Main(os.Args, suites.Pods{}))
}
