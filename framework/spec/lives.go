package spec

import (
	"github.com/podproof/podproof/framework/pod"
	"github.com/podproof/podproof/framework/witness"
)

// State is the volume on which containers that do not live the same life in each of their
// instances count these.
const State = "state"

// Lives is a container that lives these lives one after the other. Its Pod needs the
// volume State.
func (s *Space) Lives(name string, of ...witness.Life) pod.Option {
	return s.Witness(name, witness.Run(witness.Schedule("/state/"+name, of...)), pod.Mount(State, "/state"))
}
