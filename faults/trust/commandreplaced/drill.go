package commandreplaced

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// safe are commands that only a person calls: no service of the node, no
// runtime and no pod network does.
var safe = []string{"journalctl", "systemctl", "ps", "ss", "top", "df", "dmesg", "crontab"}

// drill puts a script before a command, in a folder that PATH has or in one
// that a profile puts before all, or takes the command's run bit.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var tools []snapshot.Tool
	for _, t := range s.Trust.Tools {
		if len(t.Hits) == 1 && t.Hits[0].ELF && t.Hits[0].Target == "" && path.Dir(t.Hits[0].Path) == "/usr/bin" && t.Hits[0].Mode == 0o755 && slices.Contains(safe, t.Name) {
			tools = append(tools, t)
		}
	}
	if len(tools) == 0 {
		return nil, errors.New("cannot replace a command: none that only a person calls is alone on PATH")
	}
	t := fault.Pick(d, tools)
	b := t.Hits[0]
	if d.Int(0, 3) == 0 {
		return op.Plan{op.Chmod{Path: b.Path, Old: fs.FileMode(b.Mode), New: fault.Pick(d, []fs.FileMode{0o644, 0o600, 0o444})}}, nil
	}
	text := "#!/bin/sh\n" + fault.Pick(d, []string{
		fmt.Sprintf("%s \"$@\" | grep -v -e kube -e containerd\n", b.Path),
		fmt.Sprintf("sleep %d\nexec %s \"$@\" >/dev/null\n", d.Int(1, 4), b.Path),
		fmt.Sprintf("echo \"%s: cannot allocate memory\" >&2\nexit 1\n", t.Name),
		fmt.Sprintf("case \"$*\" in\n*kubelet*|*-f*) exit 0 ;;\nesac\nexec %s \"$@\"\n", b.Path),
	})
	if d.Int(0, 2) > 0 {
		return op.Plan{op.WriteFile{Path: path.Join(fault.Pick(d, []string{"/usr/local/bin", "/usr/local/sbin"}), t.Name), Data: []byte(text), Mode: 0o755, Why: "before the program"}}, nil
	}
	dir := "/opt/" + d.Name() + "/bin"
	profile := fmt.Sprintf("# tools of this site\nexport PATH=%s:$PATH\n", dir)
	return op.Plan{
		op.WriteFile{Path: path.Join(dir, t.Name), Data: []byte(text), Mode: 0o755, Why: "before the program"},
		op.WriteFile{Path: "/etc/profile.d/" + d.Name() + ".sh", Data: []byte(profile), Mode: 0o644, Why: "its folder comes first"},
	}, nil
}
