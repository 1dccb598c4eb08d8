package witness

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// moving are settings that change by themselves between two looks.
var moving = regexp.MustCompile(`^(fs\.(file-nr|aio-nr|inode)|kernel\.(ns_last_pid|random\.|pty\.nr)|net\.netfilter\.nf_conntrack_count)`)

func testSysctls(ctx context.Context, t *testing.T, n Node) {
	s := n.Snapshot.Sysctls
	if s == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, `sysctl -a 2>/dev/null`)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, l := range lines {
		key, value, _ := strings.Cut(l, " = ")
		shown[key] = strings.Join(strings.Fields(value), " ")
	}
	there := 0
	for _, x := range s.Keys {
		value, ok := shown[x.Key]
		switch {
		case moving.MatchString(x.Key) || strings.Contains(x.Key, ".veth"):
		case ok != x.There:
			t.Errorf("%s: collected as there %v, shown %v", x.Key, x.There, ok)
		case value != x.Value:
			t.Errorf("%s: %q was collected, %q is shown", x.Key, x.Value, value)
		case ok:
			there++
		}
	}
	if there < 100 {
		t.Errorf("only %d settings were compared", there)
	}
	// the files that are applied at boot, in their order
	want, err := n.Lines(ctx, `systemd-analyze cat-config sysctl.d | sed -n 's@^# \(/.*\.conf\)$@\1@p'`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range s.Files {
		if f.Hidden == "" && !f.Procps && !f.Masked {
			got = append(got, f.Path)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("files: %q were collected, %q are shown", got, want)
	}
	assignments(ctx, t, n)
}

// assignments compares the lines that set something with those of the files.
func assignments(ctx context.Context, t *testing.T, n Node) {
	want, err := n.Lines(ctx, `systemd-analyze cat-config sysctl.d | grep -v -e '^ *#' -e '^ *;' -e '^ *$' | sed 's/ //g'`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	lines := n.Snapshot.Sysctls.Loose
	for _, x := range n.Snapshot.Sysctls.Keys {
		lines = append(lines, x.Set...)
	}
	for _, l := range lines {
		if l.File != "/proc/cmdline" && !l.Procps {
			got = append(got, strings.ReplaceAll(l.Raw, " ", ""))
		}
	}
	same(t, "assignments", got, want)
}
