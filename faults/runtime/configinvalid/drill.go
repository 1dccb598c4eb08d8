package configinvalid

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill spoils one line of the configuration, in one of the ways in which that
// happens to people: a bracket or a quote that is lost, a value in quotes that
// has none, a version of tomorrow, a file drawn in that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	t, err := cri.Main(s)
	if err != nil {
		return nil, err
	}
	type edit struct {
		n, old int
		with   string
		why    string
	}
	var ways []edit
	version := 0
	for i, l := range t.Lines() {
		code := strings.TrimSpace(l)
		name, value, assigns := strings.Cut(code, "=")
		value = strings.TrimSpace(value)
		switch {
		case strings.HasPrefix(code, "[") && strings.HasSuffix(code, "]"):
			ways = append(ways, edit{i + 1, 1, strings.TrimSuffix(l, "]"), "a table"})
		case assigns && strings.TrimSpace(name) == "version":
			version = i + 1
			ways = append(ways, edit{i + 1, 1, fmt.Sprintf("version = %d", d.Int(5, 9)), "the layout"})
		case assigns && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`):
			ways = append(ways, edit{i + 1, 1, strings.TrimSuffix(l, `"`), "a value"})
		case assigns && strings.TrimSpace(name) != "SystemdCgroup" && (value == "true" || value == "false"):
			ways = append(ways, edit{i + 1, 1, cri.Assign(t, i+1, `"`+value+`"`), "a value"})
		}
	}
	if _, ok := cri.Setting(s.Runtime, "imports"); !ok && version > 0 {
		ways = append(ways, edit{version + 1, 0, fmt.Sprintf("imports = [\"/etc/containerd/%s.toml\"]", d.Name()), "one more file"})
	}
	if len(ways) == 0 {
		return nil, errors.New("cannot spoil the runtime's configuration: it says nothing")
	}
	e := fault.Pick(d, ways)
	w, err := fault.EditLines(t, e.n, e.n+e.old-1, []string{e.with}, e.why)
	if err != nil {
		return nil, err
	}
	restart, err := cri.Broken(s)
	return op.Plan{w, restart}, err
}
