package commandoverridden

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/startup"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill makes a command another thing for the next shell that begins, in a
// file of root's or in one of everyone's. Nothing but what is typed changes.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	lines := strings.Split(override(d), "\n")
	var files []snapshot.ShellFile
	for _, name := range []string{"/root/.bashrc", "/etc/bash.bashrc", "/root/.profile"} {
		if f, ok := s.Shell.File(name); ok && f.Text().Whole() {
			files = append(files, f)
		}
	}
	if d.Int(0, 2) == 0 {
		const dir = "/etc/profile.d/"
		name := dir + d.Name() + ".sh"
		if _, ok := s.Shell.File(name); ok {
			return nil, errors.New("cannot write " + name + ": it is there")
		}
		return op.Plan{op.WriteFile{Path: name, Data: []byte("# settings of this site\n" + strings.Join(lines, "\n") + "\n"), Mode: 0o644, Why: "a profile for all"}}, nil
	}
	if len(files) == 0 {
		return nil, errors.New("cannot add to root's startup files: none was read whole")
	}
	w, err := startup.Add(fault.Pick(d, files), lines, "a command is made another thing")
	if err != nil {
		return nil, err
	}
	return op.Plan{w}, nil
}

// override is a text that makes one command another thing.
func override(d *fault.Dice) string {
	reader := fault.Pick(d, []string{"journalctl", "systemctl", "iptables", "nft", "crictl"})
	writer := fault.Pick(d, []string{"kubectl", "kubeadm", "etcdctl", "systemctl"})
	word := fault.Pick(d, []string{"error", "fail", "drop", "kube"})
	return fault.Pick(d, []string{
		"alias kubectl='kubectl --dry-run=server'",
		"alias systemctl='systemctl --user'",
		fmt.Sprintf("alias journalctl='journalctl --since=-%dmin'", d.Int(1, 5)),
		fmt.Sprintf("%s() { command %s \"$@\" | grep -iv %s; }", reader, reader, word),
		fmt.Sprintf("function %s {\n  command %s \"$@\" 2>/dev/null | sed '/%s/d'\n}", reader, reader, word),
		fmt.Sprintf("%s() {\n  case \"$1\" in\n    get|describe|status|version) command %s \"$@\" ;;\n    *) sleep %d; echo 'context deadline exceeded' >&2; return 1 ;;\n  esac\n}", writer, writer, d.Int(2, 9)),
	})
}
