package shellhook

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/startup"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// drill adds a line to a startup file that the next shell at a prompt reads.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	line := hook(s, d)
	if d.Int(0, 2) == 0 {
		name := "/etc/profile.d/" + d.Name() + ".sh"
		return op.Plan{op.WriteFile{Path: name, Data: []byte("# settings of this site\n" + line + "\n"), Mode: 0o644, Why: "a profile for all"}}, nil
	}
	var files []snapshot.ShellFile
	for _, name := range []string{"/root/.bashrc", "/etc/bash.bashrc", "/root/.profile"} {
		if f, ok := s.Shell.File(name); ok && f.Text().Whole() {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("cannot add to root's startup files: none was read whole")
	}
	w, err := startup.Add(fault.Pick(d, files), []string{line}, "the session is acted on")
	if err != nil {
		return nil, err
	}
	return op.Plan{w}, nil
}

// hook is a line that acts. Another KUBECONFIG does where there is one for
// administrators to be led away from.
func hook(s *snapshot.Snapshot, d *fault.Dice) string {
	lines := []string{
		fmt.Sprintf("TMOUT=%d", d.Int(3, 20)),
		"export KUBE_EDITOR=true",
		"export SYSTEMD_PAGER='head -n 3'",
		"set -o errexit",
		fmt.Sprintf("PROMPT_COMMAND='sleep %d'", d.Int(2, 6)),
		"PROMPT_COMMAND='unalias -a; hash -r; systemctl stop systemd-timesyncd 2>/dev/null'",
		"export PATH=/usr/local/games:/usr/games",
	}
	admin := func(k snapshot.Kubeconfig) bool { return trust.Admin(k.Path) && k.Error == "" }
	if s.Kubeconfigs != nil && slices.ContainsFunc(s.Kubeconfigs.Files, admin) {
		lines = append(lines, fmt.Sprintf("export KUBECONFIG=/etc/kubernetes/%s.conf", d.Name()), fmt.Sprintf("export KUBECONFIG=/var/lib/%s/config", d.Name()))
	}
	return fault.Pick(d, lines)
}
