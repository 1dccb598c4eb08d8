package host

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// tools are the commands that an operator relies on.
var tools = []string{
	"kubectl", "kubeadm", "kubelet", "crictl", "ctr", "containerd", "runc", "etcdctl", "etcdutl", "helm",
	"bash", "sh", "systemctl", "journalctl", "ls", "cat", "grep", "ps", "top", "kill", "id", "sudo", "ssh",
	"iptables", "iptables-save", "nft", "tc", "ip", "ss", "mount", "df", "curl", "openssl", "vi", "crontab",
	"ip6tables", "conntrack", "sysctl", "dmesg", "find", "sed", "tail", "less", "umount", "nsenter",
}

// usualPath is a root login's search path where nothing else is known.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// collectTrust finds every file that the search path offers for each tool.
func collectTrust(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	t := &snapshot.Trust{Tools: make([]snapshot.Tool, len(tools))}
	t.Path = searchPath(e)
	dirs := make([]string, len(t.Path))
	for i, f := range t.Path {
		dirs[i] = f.Dir
	}
	e.HasPackages() // build the index before it is asked from all sides
	var wg sync.WaitGroup
	for i, name := range tools {
		wg.Go(func() {
			if ctx.Err() == nil {
				t.Tools[i] = snapshot.Tool{Name: name, Hits: hits(e, dirs, name)}
				t.Tools[i].Body = body(e, t.Tools[i].Hits)
			}
		})
	}
	wg.Wait()
	const preload = "/etc/ld.so.preload"
	x, err := e.Text(preload, 4<<10)
	switch {
	case err == nil:
		t.Preload = &x
	case !errors.Is(err, fs.ErrNotExist):
		e.Gap(snapshot.SectionTrust, preload, err)
	}
	s.Trust = t
	return ctx.Err()
}

// hits are the distinct files that dirs offer for name, the first one first.
// Only where one stands before another are they read whole, to tell whether
// they are the same.
func hits(e *source.Env, dirs []string, name string) []snapshot.Binary {
	var out []snapshot.Binary
	seen := map[string]bool{}
	for _, dir := range dirs {
		file := path.Join(dir, name)
		i, err := e.Lstat(file)
		if err != nil {
			continue
		}
		// With /bin a link to /usr/bin the same file shows twice.
		real := path.Join(e.Resolve(dir), name)
		if seen[real] || i.IsDir() {
			continue
		}
		seen[real] = true
		b, err := e.Program(file)
		e.Gap(snapshot.SectionTrust, file, err)
		out = append(out, b)
	}
	if several(e, out) {
		for i := range out {
			out[i], _ = e.Binary(out[i].Path) // what failed is a gap already
		}
	}
	return out
}

// several reports whether the hits are more than one file: a link to the first
// is not another.
func several(e *source.Env, hits []snapshot.Binary) bool {
	var first source.Info
	for n, x := range hits {
		i, err := e.Stat(x.Path)
		if n == 0 {
			first = i
		} else if err == nil && (i.Dev != first.Dev || i.Ino != first.Ino) {
			return true
		}
	}
	return false
}

// body is the text of the first hit, when it is a script that is not as a
// package made it.
func body(e *source.Env, hits []snapshot.Binary) *snapshot.Text {
	if len(hits) == 0 || hits[0].ELF || hits[0].PackageSum == "same" || hits[0].Size == 0 || hits[0].Error != "" {
		return nil
	}
	t, err := e.Text(hits[0].Path, 16<<10)
	if err != nil {
		e.Gap(snapshot.SectionTrust, hits[0].Path, err)
		return nil
	}
	t.Content = secret.Scrub(t.Content)
	return &t
}

var pathLine = regexp.MustCompile(`(?m)^\s*(?:export\s+)?PATH=["']?([^"'\n]+)`)

// searchPath is the usual path, preceded by the folders that /etc/environment
// and the profiles of all and of root put before it: the profile that is read
// last comes first.
func searchPath(e *source.Env) []snapshot.SearchFolder {
	var dirs []snapshot.SearchFolder
	seen := map[string]bool{}
	add := func(list, file string, line int) {
		for dir := range strings.SplitSeq(list, ":") {
			if strings.HasPrefix(dir, "/") && !seen[dir] {
				seen[dir] = true
				dirs = append(dirs, snapshot.SearchFolder{Dir: dir, Source: file, Line: line})
			}
		}
	}
	files := []string{"/root/.bashrc", "/root/.bash_aliases", "/root/.bash_profile", "/root/.bash_login", "/root/.profile"}
	profiles := e.Glob("/etc/profile.d/*.sh")
	slices.Reverse(profiles)
	for _, file := range append(append(files, profiles...), "/etc/environment") {
		text := read(e, file)
		for _, m := range pathLine.FindAllSubmatchIndex(text, -1) {
			before, _, _ := strings.Cut(string(text[m[2]:m[3]]), "$")
			add(before, file, 1+bytes.Count(text[:m[2]], []byte("\n")))
		}
	}
	add(usualPath, "", 0)
	return dirs
}
