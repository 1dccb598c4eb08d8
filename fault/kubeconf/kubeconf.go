// Package kubeconf changes lines of kubeconfigs, whose secrets no plan has.
package kubeconf

import (
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// File returns the kubeconfig of that path.
func File(s *snapshot.Snapshot, path string) (snapshot.Kubeconfig, error) {
	for _, k := range s.Kubeconfigs.Files {
		if k.Path == path && k.Link == "" {
			return k, nil
		}
	}
	return snapshot.Kubeconfig{}, fmt.Errorf("cannot change %s: it is a link, or not in the snapshot", path)
}

// Edit plans that line at of k is replaced by those of with; none takes it out.
func Edit(k snapshot.Kubeconfig, at int, why string, with ...string) (op.EditLine, error) {
	if at < 1 || at > len(k.Lines()) || k.SHA256 == "" || k.Truncated {
		return op.EditLine{}, fmt.Errorf("cannot change %s: the line was not found; edit it by hand", k.Path)
	}
	return op.EditLine{Path: k.Path, Pin: k.SHA256, Line: at, Old: []string{k.LineAt(at)}, New: with, Why: why}, nil
}

// Insert plans that a line stands before line at of k.
func Insert(k snapshot.Kubeconfig, at int, why, line string) (op.EditLine, error) {
	e, err := Edit(k, at, why, line)
	e.Old = nil
	return e, err
}

// Value is a line with the value of its key replaced, indented as it was.
func Value(line, value string) string {
	key, _, _ := strings.Cut(line, ":")
	return key + ": " + value
}

// Pick returns an administrator's kubeconfig of kubeadm's form, for a drill, as
// the dice fall.
func Pick(s *snapshot.Snapshot, d *fault.Dice) (snapshot.Kubeconfig, error) {
	var list []snapshot.Kubeconfig
	for _, k := range s.Kubeconfigs.Files {
		plain := len(k.Users) == 1 && len(k.Clusters) == 1 && len(k.Contexts) == 1 && k.Users[0].Cert != nil && k.Users[0].Exec == nil
		if trust.Admin(k.Path) && !strings.HasSuffix(k.Path, "super-admin.conf") && k.Link == "" && k.Error == "" && plain && trust.FieldLine(k, k.Clusters[0].Line, "server") > 0 {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		return snapshot.Kubeconfig{}, errors.New("cannot change an administrator's kubeconfig: none of kubeadm's is on this node")
	}
	return fault.Pick(d, list), nil
}
