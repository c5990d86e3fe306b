package setup

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/podproof/podproof/framework/options"
)

func TestChangedOptions(t *testing.T) {
	g := NewWithT(t)
	g.Expect(changed(options.Defaults())).To(BeEmpty())
	o := options.Defaults()
	o.Seed, o.Keep, o.Focus = 1795621403, true, []string{"NET-*", "VOL-01"}
	g.Expect(changed(o)).To(Equal(map[string]string{"seed": "1795621403", "keep": "true", "focus": "[NET-* VOL-01]"}))
}
