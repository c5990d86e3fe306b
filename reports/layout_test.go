package reports

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

func TestLayOut(t *testing.T) {
	g := NewWithT(t)
	long := strings.Repeat("x", widest)
	value := map[string]any{
		"a": []any{map[string]any{"at": 1.5, "state": "ends with {"}, map[string]any{"at": 2, "state": long}},
		"b": []string{"one", "two"},
		"c": map[string]any{},
	}
	got, err := layOut(value)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(got)).To(Equal(`{
  "a": [
    {"at": 1.5, "state": "ends with {"},
    {
      "at": 2,
      "state": "` + long + `"
    }
  ],
  "b": ["one", "two"],
  "c": {}
}
`))
	var back map[string]any
	g.Expect(json.Unmarshal(got, &back)).To(Succeed())

	plain, err := layOut(sample())
	g.Expect(err).NotTo(HaveOccurred())
	var r Record
	g.Expect(json.Unmarshal(plain, &r)).To(Succeed())
	g.Expect(r).To(Equal(sample()), "the layout changes nothing else")
	_, err = layOut(func() {})
	g.Expect(err).To(HaveOccurred())
}
