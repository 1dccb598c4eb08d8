package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// testShell compares the startup files with those that are there, and their
// lines with what a search of the files shows.
func testShell(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Shell
	if x == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, `ls -d /etc/profile /etc/profile.d/*.sh /etc/bash.bashrc /etc/environment /etc/security/pam_env.conf /etc/inputrc /etc/vim/vimrc /root/.bashrc /root/.profile /root/.bash_profile /root/.bash_aliases /root/.inputrc /root/.vimrc 2>/dev/null; true`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range x.Files {
		if f.Reader != "completion" && (f.User == "*" || f.User == "root") {
			got = append(got, f.Path)
		}
	}
	same(t, "startup files", got, want)
	for _, e := range x.Entries {
		line, err := n.Lines(ctx, fmt.Sprintf("sed -n %dp '%s'", e.Line, e.Source))
		if err != nil || len(line) != 1 || !strings.Contains(line[0], e.Name) && e.Kind != "editor" && e.Kind != "binding" {
			t.Errorf("%s:%d holds %q and not %s (%v)", e.Source, e.Line, line, e.Name, err)
		}
	}
	aliases, err := n.Lines(ctx, `grep -hsoE '^\s*alias [A-Za-z_]+=' /etc/profile /etc/profile.d/*.sh /etc/bash.bashrc /root/.bashrc /root/.profile | sed 's/.*alias //; s/=//' ; true`)
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, e := range x.Entries {
		if e.Kind == "alias" && (e.User == "*" || e.User == "root") {
			named = append(named, e.Name)
		}
	}
	same(t, "aliases", named, aliases)
}
