package main_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestIntegrationBaseline captures a healthy lab, changes files and objects by
// hand, wants all of it told with whom, and put back.
func TestIntegrationBaseline(t *testing.T) {
	needLab(t, 1)
	quiet(t)
	repo := filepath.Join(t.TempDir(), "baseline")
	baseline := func(want int, args ...string) string {
		t.Helper()
		out, errs, code := call(t, append(append([]string{"baseline"}, args...), "--lab", labName, "--repo", repo)...)
		if code != want {
			fatalf(t, "klustered baseline %s: exit %d, want %d: %s\n%s%s", strings.Join(args, " "), code, want, last(out+"\n"+errs), out, errs)
		}
		return out
	}
	baseline(0, "capture", "-m", "all is well")
	if out, err := exec.Command("git", "-c", "safe.directory=*", "--git-dir", repo, "fsck", "--strict").CombinedOutput(); err != nil {
		errorf(t, "git fsck: %v\n%s", err, out)
	}
	baseline(0, "diff")
	if out := baseline(0, "capture"); !strings.Contains(out, "Nothing has changed") {
		errorf(t, "capture: a lab at rest has changed: %s", out)
	}
	const flags = "/var/lib/kubelet/kubeadm-flags.env" // in no folder of which all is read
	const config, unit, manifest = "/var/lib/kubelet/config.yaml", "/etc/systemd/system/kubelet.service.d/15-more.conf", "/etc/kubernetes/manifests/kube-scheduler.yaml"
	onNode(t, "worker1", "echo 'maxPods: 77' >> "+config+"; rm "+flags+"; printf '[Service]\\nNice=1\\n' > "+unit)
	onNode(t, "cp1", "chmod 0644 "+manifest+"; k='kubectl --kubeconfig /etc/kubernetes/admin.conf'; $k label clusterrole system:node by=hand && $k delete clusterrolebinding system:basic-user")
	said := baseline(2, "diff")
	for _, want := range []string{"worker1: file " + config + " changed", "+maxPods: 77", "worker1: file " + flags + " gone", "worker1: file " + unit + " added", "cp1: file " + manifest + " changed", "mode 0600",
		"ClusterRole system:node changed", "by kubectl-label", "ClusterRoleBinding system:basic-user gone", ": all is well"} {
		if !strings.Contains(said, want) {
			errorf(t, "diff: %q is not said:\n%s", want, said)
		}
	}
	baseline(0, "restore", "--all", "--apply", "--hold", "5s")
	if said = baseline(2, "diff"); strings.Count(said, "  baseline: ") != 1 || !strings.Contains(said, unit+" added") {
		errorf(t, "diff: only what was added is to be left:\n%s", said)
	}
	baseline(0, "restore", unit, "--apply", "--hold", "5s")
	baseline(0, "diff")
	must(t, "undo", "--lab", labName)
	if said = baseline(2, "diff"); !strings.Contains(said, unit+" added") {
		errorf(t, "diff: the undo has not brought %s back:\n%s", unit, said)
	}
	baseline(0, "restore", unit, "--apply", "--hold", "5s")
	theirs(t, unit)
}

// theirs has somebody else write a file that the last repair, on worker1, has
// removed: the undo stops and shows it, and can be given up.
func theirs(t *testing.T, file string) {
	t.Helper()
	const text = "# mine\n"
	onNode(t, "worker1", "printf '"+text+"' > "+file)
	out, errs, code := call(t, "undo", "--lab", labName)
	if code != 1 || !strings.Contains(out, "# mine") || !strings.Contains(errs, "somebody else's") {
		errorf(t, "undo: exit %d after somebody else's change, want 1 and the change:\n%s%s", code, out, errs)
	}
	worker := "docker://" + labName + "-worker1"
	repairs := regexp.MustCompile(`(?m)^ *(\d+)  `).FindAllStringSubmatch(must(t, "history", "--node", worker), -1)
	if len(repairs) == 0 {
		fatalf(t, "history: no repair is listed")
	}
	if out := must(t, "undo", repairs[len(repairs)-1][1], "--give-up", "--node", worker); !strings.Contains(out, "left as it is") {
		errorf(t, "undo --give-up: what it left is not said:\n%s", out)
	}
	if got := onNode(t, "worker1", "cat "+file); got != text {
		errorf(t, "undo --give-up: %s is %q, want %q", file, got, text)
	}
}
