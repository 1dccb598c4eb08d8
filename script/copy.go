package script

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// copies are the deeds of cp and its like. What only fills a gap, or makes a
// link, copies nothing over anything.
func copies(name string, args []string) []Deed {
	var rest []string
	into, gap := "", name == "ln"
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "-t" && i+1 < len(args):
			i++
			into = args[i]
		case strings.HasPrefix(a, "--target-directory="):
			_, into, _ = strings.Cut(a, "=")
		case slices.Contains([]string{"-m", "-o", "-g", "-S"}, a) && i+1 < len(args):
			i++ // with a word of its own
		case !strings.HasPrefix(a, "-"):
			rest = append(rest, a)
		case name != "install":
			gap = gap || a == "--no-clobber" || strings.HasPrefix(a, "--update") || a == "--ignore-existing" || !strings.HasPrefix(a, "--") && strings.ContainsAny(a, "nu")
		}
	}
	if into == "" && len(rest) > 1 {
		into, rest = rest[len(rest)-1], rest[:len(rest)-1]
	}
	if into == "" || len(rest) == 0 {
		return nil
	}
	d := Deed{Kind: "file", Verb: "write", Object: into}
	if !gap {
		d.From = rest
	}
	return []Deed{d}
}

// dumped is the deed of dd, of which a part of a file is no copy.
func dumped(args []string) []Deed {
	d := Deed{Kind: "file", Verb: "write"}
	part := false
	for _, a := range args {
		switch key, value, _ := strings.Cut(a, "="); key {
		case "if":
			d.From = []string{value}
		case "of":
			d.Object = value
		case "skip", "seek", "count", "conv", "oflag":
			part = true
		}
	}
	if d.Object == "" || strings.HasPrefix(d.Object, "/dev/") {
		return nil
	}
	if part {
		d.From = nil
	}
	return []Deed{d}
}

// filled is the deed with what the command gives to the file that it writes, or
// appends to.
func (d Deed) filled(by Command, vars map[string]string, adds bool) Deed {
	name, args := by.Call()
	name = path.Base(name)
	d.Leaves = printed(name, args)
	if (name == "cat" || name == "tee") && !adds {
		d.Holds = by.Here
		from := slices.Clone(by.Reads)
		if name == "cat" {
			from = append(from, operands(args)...)
		}
		for _, f := range from {
			d.From = append(d.From, fill(f, vars))
		}
	}
	return d
}

// fills reports whether a file is written only where it is not there, by the
// first line that tests for it.
func (d Deed) fills(gaps map[string]int) bool {
	names := []string{d.Object}
	for _, f := range d.From {
		names = append(names, path.Join(d.Object, path.Base(f)))
	}
	return slices.ContainsFunc(names, func(n string) bool { return gaps[n] > 0 && gaps[n] <= d.Line })
}

// tests are the files for which a text tests whether they are missing, and the
// first line that does.
func tests(text string) map[string]int {
	out := map[string]int{}
	line, at := 1, 0
	for _, m := range tested.FindAllStringSubmatchIndex(text, 100) {
		line, at = line+strings.Count(text[at:m[0]], "\n"), m[0]
		for i := 2; i < len(m); i += 2 {
			if m[i] >= 0 {
				name := strings.Trim(text[m[i]:m[i+1]], `"'`)
				out[name] = cmp.Or(out[name], line)
			}
		}
	}
	return out
}

// tested are tests for a file that is not there, or for one after which nothing
// more is done.
var tested = regexp.MustCompile(`(?:test|\[)\s+(?:!\s+-[efs]\s+([^\s;|&\]]+)|-[efs]\s+([^\s;|&\]]+)\s*\]{0,2}\s*(?:\|\||&&\s*(?:exit|return|continue)))|!\s+test\s+-[efs]\s+([^\s;|&\]]+)`)
