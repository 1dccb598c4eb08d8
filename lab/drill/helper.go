package drill

import (
	"encoding/json"
	"regexp"

	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
)

// The drill of the exec plugin is solved when kubectl works with the
// kubeconfig that was changed, or the one that was planted is gone, the helper
// has never run, and the identity it gave has no rights left.

// runLog finds where the helper writes down that it ran.
var runLog = regexp.MustCompile(`/var/tmp/[A-Za-z0-9._-]+`)

func helperGone(s *Session, n *node.Node) []oracle.Check {
	var checks []oracle.Check
	for _, o := range s.Plan {
		switch o := o.(type) {
		case op.WriteFile:
			if o.Mode&0o111 != 0 {
				if log := runLog.Find(o.Data); log != nil {
					checks = append(checks, oracle.FileUnchanged(n, string(log), ""))
				}
			} else if isKubeconfig(o.Data) && o.Pin == "" {
				checks = append(checks, oracle.KubectlFree(n, o.Path))
			} else if isKubeconfig(o.Data) {
				checks = append(checks, oracle.KubectlWorks(n, o.Path))
			}
		case op.CreateObject:
			checks = append(checks, refused(o)...)
		}
	}
	return checks
}

func isKubeconfig(data []byte) bool { return regexp.MustCompile(`(?m)^users:`).Match(data) }

func refused(o op.CreateObject) []oracle.Check {
	var b struct {
		Subjects []struct{ Kind, Namespace, Name string }
	}
	if json.Unmarshal(o.Body, &b) != nil {
		return nil
	}
	var checks []oracle.Check
	for _, s := range b.Subjects {
		switch s.Kind {
		case "ServiceAccount":
			checks = append(checks, oracle.CredentialRefused("system:serviceaccount:"+s.Namespace+":"+s.Name, nil))
		case "User":
			checks = append(checks, oracle.CredentialRefused(s.Name, nil))
		case "Group":
			checks = append(checks, oracle.CredentialRefused("nobody", []string{s.Name}))
		}
	}
	return checks
}
