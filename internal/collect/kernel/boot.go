package kernel

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// maxBoot bounds the boot entries that are kept.
const maxBoot = 12

// bootArgs reads the boot loader's files and compares them with what the
// running kernel was started with.
func bootArgs(e *source.Env, release, running string) []snapshot.BootArgs {
	var whole, part []snapshot.BootArgs
	for _, file := range []string{"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"} {
		whole = append(whole, parseGrub(read(e, file), file)...)
	}
	for _, file := range e.Glob("/boot/loader/entries/*.conf") {
		whole = append(whole, parseLoader(read(e, file), file)...)
	}
	// of several kernels, the entries of the running one
	if of := slices.DeleteFunc(slices.Clone(whole), func(b snapshot.BootArgs) bool {
		return release == "" || !strings.HasSuffix(path.Base(b.Kernel), release)
	}); len(of) > 0 {
		whole = of
	}
	for _, file := range append([]string{"/etc/default/grub"}, e.Glob("/etc/default/grub.d/*.cfg")...) {
		part = append(part, parseDefault(read(e, file), file)...)
	}
	if data := read(e, "/etc/kernel/cmdline"); data != nil {
		part = append(part, snapshot.BootArgs{File: "/etc/kernel/cmdline", Line: 1, Args: text(data)})
	}
	if running != "" {
		for i := range whole {
			difference(&whole[i], running, true)
		}
		for i := range part {
			difference(&part[i], running, false)
		}
	}
	out := append(whole[:min(len(whole), maxBoot)], part...)
	for i := range out {
		out[i].Args = secret.Scrub(out[i].Args)
	}
	return out
}

// difference compares the arguments of b with those of the running kernel.
func difference(b *snapshot.BootArgs, running string, whole bool) {
	want, is := strings.Fields(b.Args), strings.Fields(running)
	for _, a := range want {
		if !slices.Contains(is, a) && !strings.Contains(a, "$") {
			b.Missing = append(b.Missing, secret.Scrub(a))
		}
	}
	for _, a := range is {
		if whole && !slices.Contains(want, a) && !strings.HasPrefix(a, "BOOT_IMAGE=") && !strings.HasPrefix(a, "initrd=") {
			b.Extra = append(b.Extra, secret.Scrub(a))
		}
	}
}

// parseGrub reads the linux lines of a grub.cfg.
func parseGrub(data []byte, file string) []snapshot.BootArgs {
	var out []snapshot.BootArgs
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		w := strings.Fields(line)
		if len(w) < 2 || len(out) >= 100 || w[0] != "linux" && w[0] != "linux16" && w[0] != "linuxefi" {
			continue
		}
		out = append(out, snapshot.BootArgs{File: file, Line: n, Kernel: w[1], Args: clip(strings.Join(w[2:], " "))})
	}
	return out
}

// parseLoader reads an entry of the Boot Loader Specification.
func parseLoader(data []byte, file string) []snapshot.BootArgs {
	kernel, n := "", 0
	var out []snapshot.BootArgs
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		key, value, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, "\t", " ")), " ")
		switch key {
		case "linux":
			kernel = strings.TrimSpace(value)
		case "options":
			if len(out) < 10 {
				out = append(out, snapshot.BootArgs{File: file, Line: n, Args: clip(strings.TrimSpace(value))})
			}
		}
	}
	for i := range out {
		out[i].Kernel = kernel
	}
	return out
}

// parseDefault reads the lines of /etc/default/grub that give arguments.
func parseDefault(data []byte, file string) []snapshot.BootArgs {
	var out []snapshot.BootArgs
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && len(out) < 20 && (key == "GRUB_CMDLINE_LINUX" || key == "GRUB_CMDLINE_LINUX_DEFAULT") {
			if args := strings.Trim(value, `"'`); args != "" {
				out = append(out, snapshot.BootArgs{File: file, Line: n, Args: clip(args)})
			}
		}
	}
	return out
}

// maxRaw bounds a quoted line, in bytes.
const maxRaw = 2048

func clip(s string) string {
	if len(s) > maxRaw {
		return strings.ToValidUTF8(s[:maxRaw], "")
	}
	return s
}
