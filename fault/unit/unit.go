// Package unit is the units that a node of Kubernetes stands on: which they
// are, which of their lines are somebody's own, and how such lines are taken
// out again.
package unit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Kubelet is the kubelet's unit.
const Kubelet = "kubelet.service"

// sockets are the units of runtimes, and a part of the socket that each serves.
var sockets = map[string]string{"containerd.service": "containerd", "crio.service": "crio", "docker.service": "docker", "cri-docker.service": "docker"}

// Node returns the units that this node needs: the kubelet's, and that of the
// runtime it uses. One that is installed beside it and serves another socket
// is not among them, nor is one that is masked, or that has no file.
func Node(s *snapshot.Snapshot) []snapshot.Unit {
	if s.Systemd == nil {
		return nil
	}
	var out []snapshot.Unit
	for _, u := range s.Systemd.Units {
		part, runtime := sockets[u.Name]
		if u.Name != Kubelet && (!runtime || s.Runtime == nil || !strings.Contains(s.Runtime.Socket, part)) {
			continue
		}
		if u.Path != "" && !u.Masked {
			out = append(out, u)
		}
	}
	return out
}

// Program is the name of the program that the unit is to run.
func Program(u snapshot.Unit) string {
	switch u.Name {
	case "docker.service":
		return "dockerd"
	case "cri-docker.service":
		return "cri-dockerd"
	case "k3s.service":
		return "k3s-server"
	case "rke2-server.service", "rke2-agent.service":
		return "rke2"
	}
	return strings.TrimSuffix(u.Name, ".service")
}

// Runs reports whether the unit runs, as far as the manager was asked.
func Runs(u snapshot.Unit) bool { return u.Active == "active" }

// Foreign reports whether a line stands in a file that is not as a package
// made it.
func Foreign(u snapshot.Unit, file string) bool {
	for _, f := range u.Files {
		if f.Path == file {
			return f.Package == "" || f.Sum != "same"
		}
	}
	return true
}

// State quotes what the manager says of the unit.
func State(u snapshot.Unit) []finding.Fact {
	if u.Active == "" {
		return nil
	}
	got := fmt.Sprintf("ActiveState=%s SubState=%s", u.Active, u.Sub)
	if u.Result != "" && u.Result != "success" {
		got += " Result=" + u.Result
	}
	if u.Restarts > 0 {
		got += fmt.Sprintf(", started again %d times", u.Restarts)
	}
	return []finding.Fact{{Source: u.Name, Got: got, Want: "ActiveState=active", At: u.Since}}
}

// Said quotes what systemd wrote of the unit, of the given observations.
func Said(s *snapshot.Snapshot, u snapshot.Unit, ids ...string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, id := range ids {
		for _, o := range s.Logs.Observations {
			if o.ID == id && o.Params["unit"] == u.Name {
				out = append(out, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last})
			}
		}
	}
	return out
}

// Quote is a setting as a fact.
func Quote(x snapshot.Setting, want string) finding.Fact {
	return finding.Fact{Source: x.Source, Line: x.Line, Got: x.Key + "=" + x.Value, Want: want}
}

// A Harm is a line that keeps the unit's program from doing its work.
type Harm struct {
	Setting snapshot.Setting
	Why     string // "the kubelet writes to /var/lib/kubelet"
	Want    string
}

// Lines are the settings that do the harm.
func Lines(harms []Harm) []snapshot.Setting {
	out := make([]snapshot.Setting, len(harms))
	for i, h := range harms {
		out[i] = h.Setting
	}
	return out
}

// Drop plans that a drop-in with text adds to the unit, and that the unit
// starts with it, or fails to.
func Drop(u snapshot.Unit, d *fault.Dice, text string) op.Plan {
	at := fmt.Sprintf("/etc/systemd/system/%s.d/%d-%s.conf", u.Name, d.Int(2, 9)*10, d.Name())
	return op.Plan{
		op.ReloadUnits{}, op.WriteFile{Path: at, Data: []byte(text), Mode: 0o644, Why: "a drop-in"},
		op.ReloadUnits{}, op.Unit{Verb: "restart", Name: u.Name, MayFail: true},
	}
}

// Finding tells of the lines that harm one unit.
func Finding(u snapshot.Unit, harms []Harm, facts ...finding.Fact) finding.Finding {
	first := harms[0].Setting
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "unit", Name: u.Name},
		Summary:  fmt.Sprintf("%s=%s in %s:%d holds %s back: %s", first.Key, first.Value, first.Source, first.Line, Program(u), harms[0].Why),
		Commands: []string{"systemctl cat " + u.Name, "systemctl show " + u.Name + " -p " + first.Key},
	}
	for _, h := range harms {
		f.Facts = append(f.Facts, Quote(h.Setting, h.Want))
	}
	f.Facts = append(append(f.Facts, facts...), State(u)...)
	return f
}

// Without plans that the lines are gone from their files, a file of which
// nothing else stays too, and that the unit starts as the files then say.
// What would write a file again is taken away first.
func Without(s *snapshot.Snapshot, u snapshot.Unit, lines []snapshot.Setting, why string) (op.Plan, error) {
	plan, err := Cut(u, lines, why)
	if err != nil {
		return nil, err
	}
	return append(plan, op.Unit{Verb: "restart", Name: u.Name}), nil
}

// Cut is [Without] for a unit that is not started again, such as a slice:
// systemd sets the limits of its group when it reads the files.
func Cut(u snapshot.Unit, lines []snapshot.Setting, why string) (op.Plan, error) {
	byFile := map[string][]int{}
	for _, l := range lines {
		if !slices.Contains(byFile[l.Source], l.Line) {
			byFile[l.Source] = append(byFile[l.Source], l.Line)
		}
	}
	plan := op.Plan{op.ReloadUnits{}}
	var files []string
	for f := range byFile {
		files = append(files, f)
	}
	slices.Sort(files)
	for _, f := range files {
		if !Foreign(u, f) {
			return nil, fmt.Errorf("cannot change %s: it is as its package made it", f)
		}
		t, ok := text(u, f)
		if !ok {
			return nil, fmt.Errorf("cannot change %s: its content was not read", f)
		}
		o, err := cut(t, append(byFile[f], resets(t, keys(lines, f))...), why)
		if err != nil {
			return nil, err
		}
		plan = append(plan, o)
	}
	return append(plan, op.ReloadUnits{}), nil
}

// Bereft reports whether a service would start nothing without the lines: the
// last ExecStart is among them, and no other stands behind it. It returns that
// line.
func Bereft(u snapshot.Unit, lines []snapshot.Setting) (snapshot.Setting, bool) {
	last, ok := u.Last("Service", "ExecStart")
	if !ok || !slices.Contains(lines, last) {
		return last, false
	}
	for _, t := range u.Texts {
		if t.Path == last.Source {
			continue
		}
		if _, n := t.Find("ExecStart="); n > 0 {
			return last, false
		}
	}
	return last, Foreign(u, u.Path) || last.Source == u.Path
}

// keys are those of the lines that stand in file.
func keys(lines []snapshot.Setting, file string) []string {
	var out []string
	for _, l := range lines {
		if l.Source == file {
			out = append(out, l.Key)
		}
	}
	return out
}

// resets are the lines that empty a list of one of the keys: they belong to
// what replaces it, and what they emptied is to hold again.
func resets(t snapshot.Text, keys []string) []int {
	var out []int
	for i, l := range t.Lines() {
		key, value, ok := strings.Cut(l, "=")
		if ok && strings.TrimSpace(value) == "" && slices.Contains(keys, strings.TrimSpace(key)) {
			out = append(out, i+1)
		}
	}
	return out
}

func text(u snapshot.Unit, file string) (snapshot.Text, bool) {
	i := slices.IndexFunc(u.Texts, func(t snapshot.Text) bool { return t.Path == file })
	if i < 0 {
		return snapshot.Text{}, false
	}
	return u.Texts[i], true
}

// cut takes lines out of a unit file, with those that go on behind them.
func cut(t snapshot.Text, lines []int, why string) (op.Op, error) {
	if !t.Whole() {
		return nil, fmt.Errorf("cannot change %s: its content was not read whole", t.Path)
	}
	all := strings.SplitAfter(t.Content, "\n")
	order.By(lines, func(a, b int) int { return cmp.Compare(b, a) })
	for _, n := range slices.Compact(lines) {
		if n < 1 || n > len(all) {
			return nil, fmt.Errorf("cannot change %s: it has no line %d", t.Path, n)
		}
		end := n
		for end < len(all) && strings.HasSuffix(strings.TrimRight(all[end-1], "\r\n"), `\`) {
			end++
		}
		all = slices.Delete(all, n-1, end)
	}
	if dropIn := strings.HasSuffix(path.Dir(t.Path), ".d"); dropIn && !slices.ContainsFunc(all, says) {
		return fault.Remove(t, why), nil
	}
	return fault.Rewrite(t, strings.Join(all, ""), why)
}

// says reports whether a line sets something.
func says(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && line[0] != '#' && line[0] != ';' && line[0] != '['
}

// OfUnit returns the node's unit of that name.
func OfUnit(s *snapshot.Snapshot, name string) (snapshot.Unit, error) {
	for _, u := range Node(s) {
		if u.Name == name {
			return u, nil
		}
	}
	return snapshot.Unit{}, fmt.Errorf("cannot repair %s: the unit is not known", name)
}
