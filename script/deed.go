package script

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Deed is something that a text changes on the node or in the cluster.
type Deed struct {
	Line int
	Text string // the line it stands on
	// Kind is unit (Object is stopped, masked or disabled), process (killed
	// or stopped), file (written, moved or removed), fixed (chattr +i),
	// sysctl (KEY=VALUE), filter (a packet filter's rules), link (a device
	// or a route of the network goes down), qdisc, object (of the API),
	// mount (over Object), or name (a command or variable of the shell).
	Kind   string
	Object string
	// Verb is how, such as stop, remove, write.
	Verb string
	// Leaves are texts that a file holds after it was written, as far as the
	// deed says so itself.
	Leaves []string
	// Holds is all that it holds then, and From the files, or patterns of them,
	// of which it is a copy, or in which they are copied, if it is a folder.
	Holds string
	From  []string
}

// Deeds are what the commands of a text change, as far as it is written in
// them. What only reads, prints or keeps copies elsewhere changes nothing.
func Deeds(text string) []Deed {
	text = text[:min(len(text), maxText)]
	lines := strings.Split(text, "\n")
	vars := assigned(text)
	var out []Deed
	commands := Commands(text)
	var gaps map[string]int
	for _, c := range commands {
		name, args := c.Call()
		for i := range args {
			args[i] = fill(args[i], vars)
		}
		list := deeds(path.Base(fill(name, vars)), args)
		for _, w := range c.Writes {
			adds := slices.Contains(c.Adds, w)
			if w = fill(w, vars); !strings.HasPrefix(w, "/dev/") && w != "" {
				list = append(list, Deed{Kind: "file", Verb: "write", Object: w}.filled(c, vars, adds))
			}
		}
		if path.Base(name) == "tee" {
			from := c
			if c.After >= 0 {
				from = commands[c.After]
			}
			for i := range list {
				list[i] = list[i].filled(from, vars, has(args, "-a", "--append"))
			}
		}
		for _, d := range list {
			d.Line = c.Line
			if d.From != nil || d.Holds != "" {
				if gaps == nil {
					gaps = tests(fill(text, vars))
				}
				if d.fills(gaps) {
					d.From, d.Holds = nil, ""
				}
			}
			if key, ok := strings.CutPrefix(d.Object, "/proc/sys/"); ok && d.Kind == "file" {
				d.Kind, d.Object = "sysctl", strings.ReplaceAll(key, "/", ".")+"="+echoed(args)
			}
			if n := c.Line - 1; n < len(lines) {
				d.Text = strings.TrimSpace(lines[n])
			}
			out = append(out, d)
		}
	}
	return out
}

var assignment = regexp.MustCompile(`(?m)(?:^|[;&|{\s])([A-Za-z_]\w{0,40})=("[^"\n$` + "`" + `]*"|'[^'\n]*'|[^\s;&|"'$` + "`" + `]+)`)

// assigned are the variables that a text sets to something that is written in
// it.
func assigned(text string) map[string]string {
	vars := map[string]string{}
	for _, m := range assignment.FindAllStringSubmatch(text, 100) {
		vars[m[1]] = strings.Trim(m[2], `"'`)
	}
	return vars
}

var variable = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))`)

// fill replaces the variables that are known.
func fill(s string, vars map[string]string) string {
	if len(vars) == 0 || !strings.Contains(s, "$") || len(s) > maxText {
		return s
	}
	full := variable.ReplaceAllStringFunc(s, func(v string) string {
		if x, ok := vars[strings.Trim(v, "${}")]; ok && len(x) <= 512 {
			return x
		}
		return v
	})
	if len(full) > maxText {
		return s
	}
	return full
}

// echoed is what echo and its like print.
func echoed(args []string) string { return strings.Trim(strings.Join(args, " "), " \n") }

// printed are the lines that echo or printf prints.
func printed(name string, args []string) []string {
	switch name {
	case "echo", "printf":
		for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "--") {
			args = args[1:]
		}
		return literal(strings.ReplaceAll(strings.Join(args, " "), "&", `\&`))
	}
	return nil
}

// operands are the arguments that are no options.
func operands(args []string) []string {
	var out []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			out = append(out, a)
		}
	}
	return out
}

func has(args []string, list ...string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return slices.Contains(list, a) })
}

// each makes a deed of every object.
func each(kind, verb string, objects []string) []Deed {
	var out []Deed
	for _, o := range objects {
		out = append(out, Deed{Kind: kind, Verb: verb, Object: o})
	}
	return out
}

// deeds are those of one command.
func deeds(name string, args []string) []Deed {
	rest := operands(args)
	switch name {
	case "systemctl":
		if len(rest) > 1 && has(rest[:1], "stop", "mask", "disable", "kill", "freeze") && !has(args, "--user") {
			return each("unit", rest[0], rest[1:])
		}
	case "service":
		if len(rest) > 1 && rest[1] == "stop" {
			return each("unit", "stop", rest[:1])
		}
	case "kill", "pkill", "killall":
		if has(args, "-0", "-l", "-L") || len(rest) == 0 {
			return nil
		}
		return each("process", name, rest[len(rest)-1:])
	case "rm", "unlink", "shred", "truncate":
		return each("file", "remove", rest)
	case "mv":
		if len(rest) > 1 {
			return append(each("file", "remove", rest[:len(rest)-1]), Deed{Kind: "file", Verb: "write", Object: rest[len(rest)-1]})
		}
	case "cp", "install", "ln", "rsync":
		return copies(name, args)
	case "dd":
		return dumped(args)
	case "tee":
		return each("file", "write", rest)
	case "sed", "perl":
		return edits(name, args)
	case "chmod", "chown":
		if len(rest) > 1 {
			return each("file", name, rest[1:])
		}
	case "chattr":
		if len(args) > 1 && strings.HasPrefix(args[0], "+") && strings.ContainsAny(args[0], "ia") {
			return each("fixed", "chattr", args[1:])
		}
	case "sysctl":
		return sysctls(rest)
	}
	return network(name, args, rest)
}

func sysctls(rest []string) []Deed {
	var out []Deed
	for _, a := range rest {
		if key, value, ok := strings.Cut(a, "="); ok {
			out = append(out, Deed{Kind: "sysctl", Verb: "set", Object: strings.ReplaceAll(strings.TrimSpace(key), "/", ".") + "=" + strings.TrimSpace(value)})
		}
	}
	return out
}

// network are the deeds of tools of the network, of mounts and of the API.
func network(name string, args, rest []string) []Deed {
	all := strings.Join(args, " ")
	switch name {
	case "iptables", "ip6tables", "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy":
		if has(args, "-A", "-I", "-D", "-F", "-P", "-X", "-R", "-Z", "--append", "--insert", "--delete", "--flush", "--policy") {
			return []Deed{{Kind: "filter", Verb: name, Object: all}}
		}
	case "nft":
		if len(rest) > 1 && has(rest[:1], "add", "insert", "delete", "flush", "replace", "create") {
			return []Deed{{Kind: "filter", Verb: name, Object: all}}
		}
	case "tc":
		if len(rest) > 1 && has(rest[1:2], "add", "replace", "change", "del", "delete") {
			return []Deed{{Kind: "qdisc", Verb: rest[1], Object: all}}
		}
	case "ip", "ifconfig":
		if has(rest, "down") || has(rest, "route", "r") && has(rest, "del", "delete", "flush", "blackhole", "unreachable", "prohibit") {
			return []Deed{{Kind: "link", Verb: name, Object: all}}
		}
	case "mount":
		if has(args, "--bind", "-B", "--rbind") || strings.Contains(all, "bind") || has(rest, "tmpfs", "overlay") {
			return each("mount", "mount", rest[max(0, len(rest)-1):])
		}
	case "umount":
		return each("mount", "umount", rest)
	case "kubectl":
		if has(rest, "delete", "patch", "scale", "cordon", "drain", "taint", "apply", "replace", "create", "edit", "label", "annotate", "set", "rollout") {
			return []Deed{{Kind: "object", Verb: rest[0], Object: strings.Join(rest, " ")}}
		}
	case "alias", "unalias", "hash":
		return each("name", name, rest)
	}
	return nil
}
