package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A line is one line of a table without the releases it holds for.
type line struct {
	order int    // of its kind in the table
	name  string // lines are sorted by it
	text  string
}

// tables are the files of package component by name.
func tables(kube, etcd []release) map[string]string {
	out := map[string]string{
		"etcd.txt":    table(etcd, func(r release) []line { return flagLines(r.Flags["etcd"]) }),
		"release.txt": table(kube, releaseLines),
		"schema.txt":  table(kube, schemaLines),
	}
	for _, name := range components {
		out[name+".txt"] = table(kube, func(r release) []line { return flagLines(r.Flags[name]) })
	}
	return out
}

// table merges what the releases say, each line with those that say it.
func table(all []release, lines func(release) []line) string {
	said := map[line][]int{}
	var b strings.Builder
	b.WriteString("versions")
	for i, r := range all {
		b.WriteString(" " + r.Version)
		for _, l := range lines(r) {
			if x := said[l]; len(x) == 0 || x[len(x)-1] != i {
				said[l] = append(x, i)
			}
		}
	}
	b.WriteString("\n")
	keys := make([]line, 0, len(said))
	for l := range said {
		keys = append(keys, l)
	}
	slices.SortFunc(keys, func(x, y line) int {
		return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.name, y.name), cmp.Compare(said[x][0], said[y][0]), cmp.Compare(x.text, y.text))
	})
	for _, l := range keys {
		b.WriteString(l.text)
		if len(said[l]) < len(all) {
			b.WriteString(" in=" + span(said[l], all))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// span writes releases as v1.33..v1.35,v1.37.
func span(in []int, all []release) string {
	var parts []string
	for i := 0; i < len(in); {
		j := i
		for j+1 < len(in) && in[j+1] == in[j]+1 {
			j++
		}
		part := minor(all[in[i]].Version)
		if j > i {
			part += ".." + minor(all[in[j]].Version)
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// minor is v1.37 of v1.37.2.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:2], ".")
}

// word writes a value so that it is one word.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"`'\\=") {
		return strconv.Quote(s)
	}
	return s
}

func flagLines(flags []flagSpec) []line {
	var out []line
	for _, f := range flags {
		text := "flag " + f.Name + " " + word(f.Type)
		if f.Short != "" {
			text += " short=" + f.Short
		}
		if f.Default != "" && f.Default != "<nil>" {
			text += " default=" + word(f.Default)
		}
		if f.NoOpt != "" {
			text += " bare=" + word(f.NoOpt)
		}
		if f.Deprecated {
			text += " deprecated"
		}
		if f.Hidden {
			text += " hidden"
		}
		out = append(out, line{name: f.Name, text: text})
	}
	return out
}

func releaseLines(r release) []line {
	var out []line
	for _, g := range r.Gates {
		text := fmt.Sprintf("gate %s %s %v", g.Name, g.Stage, g.Default)
		if g.Locked {
			text += " locked"
		}
		out = append(out, line{0, g.Name, text})
	}
	for order, kind := range []string{"plugin", "controller"} {
		list := r.Plugins
		if kind == "controller" {
			list = r.Controllers
		}
		for _, x := range list {
			text := kind + " " + x.Name
			switch {
			case x.Alias != "":
				text += " is=" + x.Alias
			case x.On:
				text += " on"
			}
			out = append(out, line{order + 1, x.Name, text})
		}
	}
	for flag, path := range r.Bindings {
		out = append(out, line{3, flag, "binding " + flag + " " + path})
	}
	return out
}

func schemaLines(r release) []line {
	var out []line
	for name, fields := range r.Types {
		for field, t := range fields {
			out = append(out, line{0, name + " " + field, "field " + name + " " + field + " " + t})
		}
		if len(fields) == 0 {
			out = append(out, line{0, name, "type " + name})
		}
	}
	for kind, paths := range r.Defaults {
		for path, value := range paths {
			out = append(out, line{1, kind + " " + path, "default " + kind + " " + path + " " + word(value)})
		}
	}
	return out
}
