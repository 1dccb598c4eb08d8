package limit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func TestLimits(t *testing.T) {
	root := t.TempDir()
	for name, data := range map[string]string{
		"etc/security/limits.conf":              "# x\n*  soft nofile 64 # low\n",
		"etc/security/limits.d/z.conf":          "root - nproc 5\nshort line\n",
		"etc/systemd/system.conf":               "[Manager]\n#DefaultLimitNOFILE=1\nLogLevel=info\nDefaultLimitNOFILE=512:1024\n",
		"usr/lib/systemd/system.conf":           "[Manager]\nDefaultLimitNPROC=1\n",
		"usr/lib/systemd/system.conf.d/20.conf": "[Manager]\nDefaultTasksMax=10%\n",
		"run/systemd/system.conf.d/10.conf":     "[Other]\nDefaultLimitCORE=0\n[Manager]\nDefaultLimitCORE = 0\n",
		"usr/lib/systemd/system.conf.d/10.conf": "[Manager]\nDefaultTasksMax=3\n",
		"proc/sys/fs/nr_open":                   "1048576\n",
	} {
		sourcetest.File(t, root, name, data, 0o644)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(root, false), s); err != nil {
		t.Fatal(err)
	}
	got := []string{fmt.Sprint(s.Limits.NROpen)}
	for _, l := range s.Limits.PAM {
		got = append(got, fmt.Sprintf("%s:%d %s %s %s %s", l.File, l.Line, l.Domain, l.Type, l.Item, l.Value))
	}
	for _, l := range s.Limits.Manager {
		got = append(got, fmt.Sprintf("%s:%d %s=%s", l.File, l.Line, l.Key, l.Value))
	}
	want := []string{
		"1048576", "/etc/security/limits.conf:2 * soft nofile 64", "/etc/security/limits.d/z.conf:1 root - nproc 5",
		"/etc/systemd/system.conf:4 DefaultLimitNOFILE=512:1024", "/run/systemd/system.conf.d/10.conf:4 DefaultLimitCORE=0",
		"/usr/lib/systemd/system.conf.d/20.conf:2 DefaultTasksMax=10%",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("* soft nofile 64\n[Manager]\nDefaultLimitNOFILE=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, l := range parseLimits(data, "f") {
			if l.Line == 0 || l.Value == "" {
				t.Errorf("%+v", l)
			}
		}
		for _, l := range parseManager(data, "f") {
			if l.Line == 0 || !limits(l.Key) {
				t.Errorf("%+v", l)
			}
		}
	})
}
