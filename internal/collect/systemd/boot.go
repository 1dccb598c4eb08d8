package systemd

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// boot collects what runs at boot and at login.
func (p *persistence) boot() {
	p.script("/etc/rc.local", "rc.local", "at boot")
	p.script("/etc/rc.d/rc.local", "rc.local", "at boot")
	p.programs("init", "at boot", "/etc/init.d", "/etc/rc.d/init.d")
	for _, name := range slices.Concat(p.env.Glob("/etc/service/*/run"), p.env.Glob("/etc/sv/*/run"), p.env.Glob("/etc/s6/*/run")) {
		p.script(name, "init", "always")
	}
	p.clauses("init", "at boot", "/etc/inittab", eachLine(inittab))
	p.programs("generator", "at boot", generatorDirs...)
	p.programs("hook", "when the machine sleeps or stops", "/etc/systemd/system-sleep", "/usr/lib/systemd/system-sleep",
		"/etc/systemd/system-shutdown", "/usr/lib/systemd/system-shutdown")
	p.programs("boot-hook", "when a kernel is installed", append(p.env.Glob("/etc/kernel/*.d"), "/usr/lib/kernel/install.d")...)
	p.programs("boot-hook", "when the initial file system is made", append(p.env.Glob("/etc/initramfs-tools/scripts/*"), "/etc/initramfs-tools/hooks", "/etc/grub.d")...)
	for _, file := range append([]string{"/etc/default/grub"}, p.env.Glob("/etc/default/grub.d/*.cfg")...) {
		p.clauses("grub", "at boot", file, eachLine(grubLine))
	}
	p.cloud()
	p.profiles()
}

// inittab is the command of a line of inittab(5).
func inittab(line string) string {
	w := strings.SplitN(line, ":", 4)
	if len(w) < 4 {
		return ""
	}
	return w[3]
}

// grubLine is the kernel's command line in a file of settings for grub.
func grubLine(line string) string {
	if strings.HasPrefix(strings.TrimSpace(line), "GRUB_CMDLINE_LINUX") {
		return strings.TrimSpace(line)
	}
	return ""
}

// cloud collects what cloud-init and the agents of clouds run at boot.
func (p *persistence) cloud() {
	dirs := append(p.env.Glob("/var/lib/cloud/scripts/*"), "/var/lib/cloud/instance/scripts")
	for _, dir := range dirs {
		for _, name := range p.list(dir) {
			p.script(path.Join(dir, name), "cloud-init", "at boot")
		}
	}
	for _, file := range append(p.env.Glob("/etc/cloud/cloud.cfg.d/*.cfg"), "/etc/cloud/cloud.cfg", "/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instance/vendor-data.txt") {
		p.clauses("cloud-init", "at boot", file, cloudKeys)
	}
}

// cloudKeys are the keys of a cloud-config that run commands or write files,
// each with the lines below it. A user-data script is one as a whole.
func cloudKeys(data string) []clause {
	if strings.HasPrefix(data, "#!") {
		first, _, _ := strings.Cut(data, "\n")
		return []clause{{1, first, data}}
	}
	var out []clause
	n := 0
	in := false
	for line := range strings.Lines(data) {
		n++
		text := strings.TrimRight(line, "\r\n")
		if text == "" || text[0] == ' ' || text[0] == '-' || text[0] == '#' {
			if in && len(out[len(out)-1].command) < maxScript {
				out[len(out)-1].command += text + "\n"
			}
			continue
		}
		key, _, _ := strings.Cut(text, ":")
		if in = slices.Contains([]string{"runcmd", "bootcmd", "write_files", "users", "ssh_authorized_keys", "phone_home", "power_state"}, key); in {
			out = append(out, clause{n, text, text + "\n"})
		}
	}
	return out
}

// profiles adds what a shell of root's, or of a person's, reads when it
// starts, and what runs when one logs in.
func (p *persistence) profiles() {
	var files []string
	for _, h := range p.env.Homes() {
		for _, name := range []string{".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".zshrc", ".zprofile", ".zshenv", ".ssh/rc"} {
			files = append(files, path.Join(h.Dir, name))
		}
	}
	for _, x := range p.list("/etc/profile.d") {
		files = append(files, path.Join("/etc/profile.d", x))
	}
	files = append(files, "/etc/profile", "/etc/bash.bashrc", "/etc/.profile", "/etc/zsh/zshrc", "/etc/zsh/zshenv", "/etc/ssh/sshrc")
	for _, file := range files {
		if i, err := p.env.Stat(file); err != nil || !i.IsRegular() || p.packaged(file, "profile") {
			continue
		}
		t, data, ok := p.read(file)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(t.Content, "\n")
		p.add(snapshot.Persistent{
			Kind: "profile", Source: file, Text: first, Schedule: "at login", Command: file, Enabled: true,
			Files: []snapshot.Text{t}, Scripts: append([]snapshot.Text{t}, scripts(p.env, string(data), "")...),
		})
	}
	p.programs("motd", "at login", "/etc/update-motd.d", "/usr/lib/update-motd.d")
}
