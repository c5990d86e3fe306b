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
	return s.Witness(name, livesOf(name, of), pod.Mount(State, stateDir))
}

// SidecarLives is Lives for a sidecar.
func (s *Space) SidecarLives(name string, of ...witness.Life) pod.Option {
	return s.Sidecar(name, livesOf(name, of), pod.Mount(State, stateDir))
}

// InitLives is Lives for an init container, which may have options of its own.
func (s *Space) InitLives(name string, of []witness.Life, options ...pod.ContainerOption) pod.Option {
	return s.InitContainer(name, livesOf(name, of), append(options, pod.Mount(State, stateDir))...)
}

// stateDir is where containers mount the volume State.
const stateDir = "/state"

func livesOf(name string, of []witness.Life) []string {
	return witness.Run(witness.Schedule(stateDir+"/"+name, of...))
}
