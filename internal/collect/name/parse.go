package name

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

const (
	maxLines = 1000
	maxValue = 512 // bytes of a value that are kept
	screen   = 80  // columns
)

// lines hands over the lines of a file with their numbers.
func lines(data []byte, take func(n int, line string)) {
	n := 0
	for line := range strings.Lines(string(data)) {
		if n++; n > maxLines {
			return
		}
		take(n, strings.ToValidUTF8(strings.TrimRight(line, "\r\n"), "\ufffd"))
	}
}

// parseResolv reads resolv.conf(5). The C library takes a keyword only at the
// beginning of a line; comments begin with # or ; there.
func parseResolv(x *snapshot.Resolver, data []byte) {
	lines(data, func(n int, line string) {
		if strings.TrimSpace(line) == "" || line[0] == '#' || line[0] == ';' {
			return
		}
		key, value, _ := strings.Cut(strings.Replace(line, "\t", " ", 1), " ")
		l := snapshot.ConfLine{Line: n, Key: short(key), Value: short(strings.Join(strings.Fields(value), " "))}
		switch key {
		case "nameserver":
			l.Value, _, _ = strings.Cut(l.Value, " ")
			x.Servers = append(x.Servers, l)
		case "search", "domain":
			x.Search = append(x.Search, l)
		case "options", "sortlist":
			x.Options = append(x.Options, l)
		default:
			l.Key, l.Value = "", short(strings.TrimSpace(line))
			x.Ignored = append(x.Ignored, l)
		}
	})
}

func short(s string) string {
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "")
	}
	return s
}

// parseHosts reads hosts(5).
func parseHosts(data []byte) []snapshot.HostsLine {
	var out []snapshot.HostsLine
	lines(data, func(n int, line string) {
		text, _, _ := strings.Cut(line, "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			return
		}
		x := snapshot.HostsLine{Line: n, Address: short(f[0]), Padded: strings.Contains(text, strings.Repeat(" ", screen)) || strings.Contains(text, strings.Repeat("\t", screen/8))}
		for _, name := range f[1:min(len(f), 64)] {
			x.Names = append(x.Names, short(name))
		}
		_, err := netip.ParseAddr(f[0])
		x.Bad = err != nil
		out = append(out, x)
	})
	return out
}

// twice finds names with several addresses of one family.
func twice(list []snapshot.HostsLine) []snapshot.NameTwice {
	type family struct {
		name string
		six  bool
	}
	at := map[family]*snapshot.NameTwice{}
	var order []family
	for _, l := range list {
		if l.Bad {
			continue
		}
		for _, name := range l.Names {
			k := family{strings.ToLower(name), strings.Contains(l.Address, ":")}
			if at[k] == nil {
				at[k] = &snapshot.NameTwice{Name: k.name}
				order = append(order, k)
			}
			if x := at[k]; !slices.Contains(x.Addresses, l.Address) {
				x.Addresses, x.Lines = append(x.Addresses, l.Address), append(x.Lines, l.Line)
			}
		}
	}
	var out []snapshot.NameTwice
	for _, k := range order {
		if len(at[k].Addresses) > 1 {
			out = append(out, *at[k])
		}
	}
	return out
}

// parseLines reads lines of a word and its value, with # before comments:
// nsswitch.conf(5), host.conf(5), gai.conf(5).
func parseLines(data []byte, sep string) []snapshot.ConfLine {
	var out []snapshot.ConfLine
	lines(data, func(n int, line string) {
		text, _, _ := strings.Cut(line, "#")
		text = strings.TrimSpace(strings.ReplaceAll(text, "\t", " "))
		if text == "" {
			return
		}
		key, value, _ := strings.Cut(text, sep)
		out = append(out, snapshot.ConfLine{Line: n, Key: short(strings.TrimSpace(key)), Value: short(strings.Join(strings.Fields(value), " "))})
	})
	return out
}

// parseINI reads the lines of one section of a file of systemd. A line that
// ends with a backslash goes on.
func parseINI(data []byte, section string) []snapshot.ConfLine {
	var out []snapshot.ConfLine
	in, going := false, false
	lines(data, func(n int, line string) {
		text := strings.TrimSpace(line)
		if going && len(out) > 0 {
			out[len(out)-1].Value = short(out[len(out)-1].Value + " " + strings.TrimSpace(strings.TrimSuffix(text, `\`)))
			going = strings.HasSuffix(text, `\`)
			return
		}
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
		case text[0] == '[':
			in = text == "["+section+"]"
		case in:
			key, value, ok := strings.Cut(text, "=")
			if going = ok && strings.HasSuffix(value, `\`); ok {
				out = append(out, snapshot.ConfLine{Line: n, Key: short(strings.TrimSpace(key)), Value: short(strings.TrimSpace(strings.TrimSuffix(value, `\`)))})
			}
		}
	})
	return out
}
