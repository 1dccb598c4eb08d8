package commandoverridden

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

// What people commonly write into their files is no fault.
func TestCommon(t *testing.T) {
	const common = `# mine
alias k=kubectl
alias ll='ls -alF'
alias ls='ls --color=auto'
alias grep='grep --color=auto'
alias kgp='kubectl get pods'
alias ctr='ctr -n k8s.io'
export KUBE_EDITOR=vim
complete -o default -F __start_kubectl k
source <(kubectl completion bash)
kubectl() {
  type __start_kubectl >/dev/null 2>&1 || source <(command kubectl completion bash)
  command kubectl "$@"
}
kctx() { kubectl config use-context "$1"; }
`
	m := faulttest.New(t, faulttest.File("/root/.bashrc", op.File{Data: []byte(common), Mode: 0o644}))
	if got := detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// Two files may override the same command: it is one finding, and both lines go.
func TestTwoPlaces(t *testing.T) {
	m := faulttest.New(t,
		faulttest.File("/root/.bashrc", op.File{Data: []byte("# x\nalias kubectl=true\n"), Mode: 0o644}),
		faulttest.File("/etc/profile.d/a.sh", op.File{Data: []byte("kubectl() {\n  echo no\n}\n"), Mode: 0o644}))
	found := detect(m.Snapshot())
	if len(found) != 1 || len(found[0].Facts) != 2 {
		t.Fatalf("got %+v", found)
	}
	m.Repair(Fault)
	if got := detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("after the repair %+v", got)
	}
}

func TestEnvironment(t *testing.T) {
	s := &snapshot.Snapshot{Shell: &snapshot.Shell{Running: []snapshot.Environ{{PID: 9, Name: "bash", Variables: []string{"BASH_FUNC_kubectl%%=() {  echo none\n}"}}}}}
	found := detect(s)
	if len(found) != 1 {
		t.Fatalf("got %+v", found)
	}
	if _, err := remedy(s, finding.Finding{Subject: found[0].Subject}); err == nil || !strings.Contains(err.Error(), "end that session") {
		t.Errorf("got %v", err)
	}
}
