package klustered_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/klustered/klustered"

// A row is a layer of the architecture: packages and what they may import of
// this module. A pattern that ends in /... stands for what is below it, one
// that ends in * for itself and what is below it.
type row struct {
	packages string
	imports  string
}

// The table is the architecture: docs/design.md tells why. The first row that
// fits a package holds.
var table = []row{
	{"snapshot", ""},
	{"internal/order", ""},
	{"finding", "snapshot"},
	{"script", ""}, // what a text of shell runs and changes
	{"trust", "snapshot finding script"},
	{"symptom", "snapshot finding script trust"},
	{"op", ""},
	{"internal/packed", ""},
	{"component", "internal/packed"}, // what each release accepts: collectors type what they read by it, rules name what may be meant
	{"internal/causal", ""},
	{"fault/faulttest", "snapshot component finding script trust symptom op fault fault/* internal/collect* internal/machine*"},
	{"fault*", "snapshot component finding script trust symptom op fault fault/* internal/packed"},
	{"faults/all", "fault faults/*"},
	{"faults/*", "snapshot component finding script trust symptom op fault fault/*"},
	{"internal/baseline*", "snapshot internal/baseline* internal/collect/raw internal/collect/object*"},
	{"internal/collect*", "snapshot component finding script op internal/collect* internal/baseline* internal/kubeapi* internal/member* internal/rtnl*"},
	{"internal/machine*", "snapshot op internal/machine* internal/collect/* internal/kubeapi* internal/member* internal/rtnl*"},
	{"internal/kubeapi*", "snapshot op internal/kubeapi* internal/collect/*"},
	{"internal/member*", "snapshot op internal/member* internal/collect/*"},
	{"internal/rtnl*", "snapshot op internal/rtnl*"},
	{"internal/transport*", "snapshot op internal/transport*"},
	{"internal/diagnose", "snapshot finding trust symptom op fault internal/causal"},
	{"internal/repair", "snapshot finding symptom op fault internal/collect* internal/machine*"},
	{"internal/guard*", "snapshot finding op fault/ground internal/collect* internal/kubeapi* internal/rtnl* internal/repair internal/guard*"},
	{"internal/harden", "snapshot finding op"},
	{"internal/bundle", "snapshot finding internal/collect/secret internal/collect/raw"},
	{"internal/inventory", "snapshot internal/collect* internal/member*"},
	{"internal/report", "snapshot finding symptom op fault internal/diagnose internal/repair"},
	{"internal/cel", ""},
	{"internal/site", "snapshot finding symptom op fault internal/diagnose internal/cel"},
	{"internal/demo", "snapshot finding internal/bundle internal/packed internal/diagnose internal/report"},
	{"internal/gen*", "fault internal/bundle internal/packed"},
	{"lab*", "snapshot component finding symptom op fault fault/* faults/* lab* internal/packed internal/collect* internal/machine* internal/transport* internal/diagnose internal/repair internal/harden internal/bundle internal/report"},
	{"internal/cli*", "*"},
	{"cmd/*", "*"},
	{"", ""},
}

func fits(patterns, name string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(p string) bool {
		stem, wild := strings.CutSuffix(p, "*")
		if !wild {
			return p == name
		}
		return strings.HasPrefix(name, stem) && (strings.HasSuffix(stem, "/") || stem == "" || name == stem || name[len(stem)] == '/')
	})
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		patterns, name string
		want           bool
	}{
		{"fault*", "fault", true}, {"fault*", "fault/x", true}, {"fault*", "faults/x", false}, {"faults/*", "faults", false},
		{"faults/*", "faults/etcd/nospace", true}, {"op snapshot", "snapshot", true}, {"op", "op/x", false}, {"", "op", false}, {"*", "cmd/x", true},
	} {
		if got := fits(c.patterns, c.name); got != c.want {
			t.Errorf("%q, %q: %v", c.patterns, c.name, got)
		}
	}
}

// A goPackage is what go list says.
type goPackage struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func (p goPackage) name() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,GoFiles", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// ground may be imported by every package of the table but snapshot.
const ground = "internal/order"

// TestImports holds the import table: each package imports only what stands
// below it.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := p.name()
		i := slices.IndexFunc(table, func(r row) bool { return fits(r.packages, name) || r.packages == name })
		if i < 0 {
			t.Errorf("%s is in no row of the import table", name)
			continue
		}
		for _, imp := range p.Imports {
			if dep, ours := strings.CutPrefix(imp, module+"/"); ours && !fits(table[i].imports, dep) && (dep != ground || name == "snapshot") {
				t.Errorf("%s may not import %s", name, dep)
			}
		}
	}
}

// impure are the packages of the standard library through which the world
// gets in.
var impure = []string{"os", "os/exec", "os/signal", "net", "net/http", "syscall", "math/rand", "crypto/rand", "runtime", "unsafe"}

// TestPure keeps the world out of the packages that hold knowledge.
func TestPure(t *testing.T) {
	for _, p := range packages(t) {
		name := p.name()
		knows := fits("snapshot component finding script trust symptom op fault* faults/* internal/causal internal/diagnose internal/harden", name) && name != "fault/faulttest"
		for _, imp := range p.Imports {
			if knows && slices.Contains(impure, imp) && !(name == "op" && imp == "net/http") {
				t.Errorf("%s is to be pure, and imports %s", name, imp)
			}
			std := !strings.Contains(imp, ".")
			if name == "snapshot" && !std {
				t.Errorf("snapshot imports only the standard library, not %s", imp)
			}
			if fits("faults/*", name) && !std && !strings.HasPrefix(imp, module) {
				t.Errorf("%s imports %s: a fault uses the standard library alone", name, imp)
			}
		}
	}
}

// TestNothingIsRun: a node is not to be trusted to run anything. Only the lab
// and the transports, which reach nodes from outside, start programs.
func TestNothingIsRun(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "os/exec") && !fits("lab* internal/transport*", p.name()) {
			t.Errorf("%s imports os/exec", p.name())
		}
	}
}

// TestNoTemplates: what text/template may call by name cannot be left out of
// the binary, several megabytes of it.
func TestNoTemplates(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			if imp == "text/template" || imp == "html/template" {
				t.Errorf("%s imports %s", p.name(), imp)
			}
		}
	}
}
