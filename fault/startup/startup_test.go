package startup

import (
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func file(name, text, pkg string) *snapshot.Shell {
	return &snapshot.Shell{Files: []snapshot.ShellFile{{Path: name, Content: text, Package: pkg, SHA256: op.File{Data: []byte(text)}.Sum(), Mode: 0o644}}}
}

func TestWithout(t *testing.T) {
	for name, tt := range map[string]struct {
		path, text, pkg string
		entries         []snapshot.ShellEntry
		want            string // "-" for a removal, "!" for an error
	}{
		"alias":            {"/root/.bashrc", "a\nalias x=y\nb\n", "", []snapshot.ShellEntry{{Kind: "alias", Line: 2}}, "a\nb\n"},
		"function":         {"/root/.bashrc", "a\nf() {\n  case $1 in x) echo '}';; esac # }\n  g \"${1}\"\n}\nb\n", "", []snapshot.ShellEntry{{Kind: "function", Line: 2}}, "a\nb\n"},
		"on one line":      {"/root/.bashrc", "f() { g; }\nb\n", "", []snapshot.ShellEntry{{Kind: "function", Line: 1}}, "b\n"},
		"two":              {"/root/.bashrc", "f() { g; }\nb\nalias y=z\n", "", []snapshot.ShellEntry{{Kind: "alias", Line: 3}, {Kind: "function", Line: 1}}, "b\n"},
		"nothing else":     {"/etc/profile.d/x.sh", "# mine\nalias x=y\n", "", []snapshot.ShellEntry{{Kind: "alias", Line: 2}}, "-"},
		"a package's file": {"/etc/bash.bashrc", "# theirs\nalias x=y\n", "bash", []snapshot.ShellEntry{{Kind: "alias", Line: 2}}, "# theirs\n"},
		"a home's file":    {"/root/.bashrc", "alias x=y\n", "", []snapshot.ShellEntry{{Kind: "alias", Line: 1}}, ""},
		"more on the line": {"/root/.bashrc", "cd /; alias x=y\n", "", []snapshot.ShellEntry{{Kind: "alias", Line: 1}}, "!"},
	} {
		for i := range tt.entries {
			tt.entries[i].Source = tt.path
		}
		plan, err := Without(file(tt.path, tt.text, tt.pkg), tt.entries, "why")
		got := "!"
		if err == nil {
			switch o := plan[0].(type) {
			case op.WriteFile:
				got = string(o.Data)
			case op.RemoveFile:
				got = "-"
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, tt.want)
		}
	}
}

func TestAdd(t *testing.T) {
	sh := file("/root/.bashrc", "a", "")
	if o, err := Add(sh.Files[0], []string{"b"}, "why"); err != nil || string(o.Data) != "a\nb\n" {
		t.Errorf("got %q, %v", o.Data, err)
	}
}
