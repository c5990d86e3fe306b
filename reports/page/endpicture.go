package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/podproof/podproof/reports"
	"github.com/podproof/podproof/reports/internal/wording"
)

// deletedPods are the pods of a spec whose deletion was asked for while it ran.
func deletedPods(pods []reports.Timeline) []reports.Timeline {
	var deleted []reports.Timeline
	for _, t := range pods {
		if _, asked := deletionOf(t); asked {
			deleted = append(deleted, t)
		}
	}
	return deleted
}

// deletionOf is the lane of a pod's deletion.
func deletionOf(t reports.Timeline) (reports.Lane, bool) {
	i := slices.IndexFunc(t.Outside, func(l reports.Lane) bool { return l.Kind == reports.DeletionLane })
	if i < 0 || len(t.Outside[i].Moments) == 0 {
		return reports.Lane{}, false
	}
	return t.Outside[i], true
}

// endPicture draws how pods ended, each from the moment at which its deletion was
// asked for: the request, where its grace period ends, SIGTERM, SIGKILL, the object gone.
func endPicture(pods []reports.Timeline) template.HTML {
	a := axis{0, 0.5}
	ends := func(t reports.Timeline) (asked, until float64) {
		lane, _ := deletionOf(t)
		asked, until = lane.Moments[0].At, t.Seconds
		for _, inside := range t.Inside {
			for _, m := range inside.Moments {
				until = max(until, m.At) // processes may outlive their object
			}
		}
		return asked, until
	}
	for _, t := range pods {
		asked, until := ends(t)
		a.to = max(a.to, until-asked)
	}
	a.from = -a.to / 20
	a.to += a.to / 20
	p := newPicture()
	var words []string
	for _, t := range pods {
		asked, until := ends(t)
		top := p.height
		d := drawing{p, a, -asked, until, true}
		d.pod(t, func(l reports.Lane) bool {
			switch l.Kind {
			case reports.DeletionLane, reports.ContainerLane, reports.InitContainerLane, reports.ProcessLane:
				return true
			}
			return false
		})
		lane, _ := deletionOf(t)
		for _, m := range lane.Moments {
			if m.Grace != nil && *m.Grace > 0 {
				if due := m.At + float64(*m.Grace); d.inSight(due) {
					p.tick("due", d.at(due), top+titleHeight, p.height)
				}
			}
			words = append(words, fmt.Sprintf("%s: %s after %.1f s", t.Pod, deletionText(m), m.At-asked))
		}
	}
	drawAxis(p, a)
	return p.svg(wording.Shorten("Time since the deletion request. "+strings.Join(words, "; "), 300))
}
