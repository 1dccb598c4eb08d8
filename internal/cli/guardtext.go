package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/report"
)

// slicesOf are the faults whose IDs begin so.
func slicesOf(all []*fault.Fault, prefix string) []*fault.Fault {
	return slices.DeleteFunc(slices.Clone(all), func(f *fault.Fault) bool { return !strings.HasPrefix(string(f.ID), prefix) })
}

// deed prints one block.
func (t *guardTeller) deed(d *guard.Deed, spec string) error {
	if t.output == "json" {
		return json.NewEncoder(t.app.Out).Encode(d)
	}
	var b strings.Builder
	where := ""
	if t.several {
		where = " on " + report.Clean(d.Node)
	}
	fmt.Fprintf(&b, "%s  %s %s%s: %s\n", stamp(d.At), d.Kind, report.Clean(d.What), where, report.Clean(d.Did))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, report.Clean(text))
		}
	}
	switch {
	case d.PutBack:
		line("repair", fmt.Sprintf("%d is undone by it: it is as it was before", d.Repair))
	case d.Repair > 0:
		line("repair", fmt.Sprintf("%d changed it before", d.Repair))
	}
	for l := range strings.Lines(d.Diff) {
		b.WriteString("    " + visible(l))
	}
	handText(line, d.Hand)
	for _, e := range d.Entries {
		line(entryLine(e))
		if e.Fix != "" {
			line("remove", "klustered fix "+e.Fix+specFlag(spec))
		}
	}
	_, err := fmt.Fprintln(t.app.Out, b.String())
	return err
}

func oneOf(s string) string {
	s, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if more {
		s += " ..."
	}
	return s
}

func handText(line func(name, text string), h guard.Hand) {
	switch {
	case h.Manager != "":
		line("by", h.Manager)
	case h.Known:
		line("by", fmt.Sprintf("%s, process %d%s%s", h.Name, h.PID, exeText(h.Process), userText(h.Process)))
		line("command", h.Command())
	case h.PID > 0:
		line("by", fmt.Sprintf("process %d", h.PID))
	}
	line("note", h.Note)
	for _, p := range h.Candidates {
		line("perhaps", fmt.Sprintf("%s, process %d%s%s: %s", orElse(p.Name, "a process"), p.PID, userText(p), placeText(p), cut(p.Command(), 60)))
	}
	var from []string
	for _, p := range h.Lineage {
		from = append(from, fmt.Sprintf("%s (%d)", cut(orElse(p.Command(), "not read"), 60), p.PID))
	}
	line("from", strings.Join(from, " < "))
	unit, pod, container := h.Unit, h.Pod, h.Container
	for _, p := range h.Lineage { // what a namespace of control groups hides of one
		if unit == "" && pod == "" && container == "" {
			unit, pod, container = p.Unit, p.Pod, p.Container
		}
	}
	line("unit", unit)
	line("pod", pod)
	if container != "" {
		line("in", "container "+cut(container, 12))
	}
}

// placeText says in what a process runs.
func placeText(p proc.Process) string {
	switch {
	case p.Pod != "":
		return ", in pod " + p.Pod
	case p.Unit != "":
		return ", in " + p.Unit
	}
	return ""
}

func exeText(p proc.Process) string {
	if p.Exe == "" {
		return ""
	}
	return " (" + p.Exe + ")"
}

func userText(p proc.Process) string {
	text := ""
	if p.UID >= 0 {
		text = fmt.Sprintf(", as %s", userName(p.User, p.UID))
	}
	if p.LoginUID >= 0 {
		text += fmt.Sprintf(", logged in as %s", userName(p.Login, p.LoginUID))
	}
	return text
}

func userName(name string, id int) string {
	if name != "" {
		return name
	}
	return fmt.Sprintf("user %d", id)
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
