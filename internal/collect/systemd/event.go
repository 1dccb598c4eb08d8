package systemd

import (
	"path"
	"slices"
	"strings"
)

// hookDirs hold programs that run when a link or an address changes.
var hookDirs = []string{
	"/etc/network/if-pre-up.d", "/etc/network/if-up.d", "/etc/network/if-down.d", "/etc/network/if-post-down.d",
	"/etc/NetworkManager/dispatcher.d", "/etc/NetworkManager/dispatcher.d/pre-up.d", "/etc/NetworkManager/dispatcher.d/pre-down.d", "/etc/NetworkManager/dispatcher.d/no-wait.d",
	"/usr/lib/NetworkManager/dispatcher.d", "/etc/dhcp/dhclient-enter-hooks.d", "/etc/dhcp/dhclient-exit-hooks.d", "/etc/resolvconf/update.d", "/etc/resolvconf/update-libc.d",
	"/etc/ppp/ip-up.d", "/etc/ppp/ip-down.d", "/etc/ppp/ipv6-up.d", "/etc/ppp/ipv6-down.d", "/etc/wpa_supplicant",
}

// events collects what runs when a device or a link changes.
func (p *persistence) events() {
	const when = "when a link changes"
	p.programs("hook", when, slices.Concat(hookDirs, p.env.Glob("/etc/networkd-dispatcher/*.d"), p.env.Glob("/usr/lib/networkd-dispatcher/*.d"))...)
	for _, file := range []string{"/etc/dhclient-enter-hooks", "/etc/dhclient-exit-hooks", "/etc/dhcp/dhclient-enter-hooks", "/etc/dhcp/dhclient-exit-hooks", "/etc/ppp/ip-up", "/etc/ppp/ip-down"} {
		if !p.packaged(file, "hook") {
			p.script(file, "hook", when)
		}
	}
	for _, file := range append([]string{"/etc/network/interfaces"}, p.env.Glob("/etc/network/interfaces.d/*")...) {
		p.clauses("interfaces", when, file, eachLine(interfaceHook))
	}
	for _, file := range layered(p.env, p.folders("/etc/udev", "/run/udev", "/usr/local/lib/udev", "/usr/lib/udev"), "rules.d", ".rules") {
		p.clauses("udev", "when a device changes", file, udevRules)
	}
	for _, file := range p.env.Glob("/etc/acpi/events/*") {
		p.clauses("acpi", "when a button is pressed", file, eachLine(func(line string) string {
			cmd, ok := strings.CutPrefix(line, "action=")
			if !ok {
				return ""
			}
			return cmd
		}))
	}
	p.dbus()
}

// interfaceHook is the command of an option of interfaces(5) that runs one.
func interfaceHook(line string) string {
	key, rest, ok := cutField(strings.TrimLeft(line, " \t"))
	if ok && slices.Contains([]string{"up", "down", "pre-up", "post-up", "pre-down", "post-down"}, key) {
		return rest
	}
	return ""
}

// udevRules are the rules that run a program. A backslash at the end of a line
// goes on with the next.
func udevRules(data string) []clause {
	var out []clause
	n, start, held := 0, 0, ""
	for line := range strings.Lines(data) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if start == 0 {
			start = n
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok && len(held) < maxScript {
			held += rest
			continue
		}
		line = held + line
		if cmd := parseUdev(line); cmd != "" {
			out = append(out, clause{start, line, cmd})
		}
		held, start = "", 0
	}
	return out
}

// udevKeys are what runs a program, with the operators that go with it.
var udevKeys = []string{"RUN", "RUN{program}", "PROGRAM", "IMPORT{program}"}

// parseUdev returns the programs that a rule runs, one a line, or "".
func parseUdev(line string) string {
	line = strings.TrimSpace(strings.ToValidUTF8(line, "\ufffd"))
	if strings.HasPrefix(line, "#") {
		return ""
	}
	var all []string
	for line != "" {
		i := strings.IndexByte(line, '"')
		if i < 0 {
			break
		}
		key := strings.TrimRight(strings.TrimLeft(line[:i], ", \t"), " \te") // e"..." has escapes
		key = strings.TrimRight(key, "+-:!= \t")
		value, rest := quotedEnd(line[i+1:])
		if slices.Contains(udevKeys, key) && value != "" {
			all = append(all, value)
		}
		line = rest
	}
	return strings.Join(all, "\n")
}

// quotedEnd cuts s at the quote that ends a value.
func quotedEnd(s string) (value, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return strings.ReplaceAll(s[:i], `\"`, `"`), s[i+1:]
		}
	}
	return s, ""
}

// dbus collects the programs that a message of D-Bus starts.
func (p *persistence) dbus() {
	for _, dir := range p.folders("/etc/dbus-1/system-services", "/run/dbus-1/system-services", "/usr/local/share/dbus-1/system-services", "/usr/share/dbus-1/system-services") {
		for _, name := range p.list(dir) {
			p.clauses("dbus", "when its name is asked for", path.Join(dir, name), eachLine(desktopExec))
		}
	}
}

// desktopExec is the value of Exec= in a .desktop or .service file.
func desktopExec(line string) string {
	key, value, _ := strings.Cut(line, "=")
	if strings.TrimSpace(key) == "Exec" {
		return strings.TrimSpace(value)
	}
	return ""
}
