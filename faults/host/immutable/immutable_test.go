package immutable

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for path, want := range map[string]int{
		"/var/lib/kubelet": 1, "/var/lib/kubelet/pod-resources": 1, "/var/lib/etcd/member/wal": 1, "/var/lib/kubelet-old": 0,
		"/etc/resolv.conf": 0, "/etc/kubernetes/admin.conf": 0, "/usr/local/bin/tool": 0, "/etc/passwd": 0, "/root/.bashrc": 0,
	} {
		s := &snapshot.Snapshot{Files: &snapshot.Files{Fixed: []snapshot.Special{{Path: path, Why: "immutable"}}}}
		if got := detect(s); len(got) != want {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func TestFixes(t *testing.T) {
	for line, want := range map[string]bool{
		"chattr +i /var/lib/kubelet/pki": true, "chattr -R +a \"$dir\"": true, "chattr -i /var/lib/kubelet/pki": false, "chattr +i /etc/resolv.conf": false, "lsattr /var/lib/kubelet/pki": false,
	} {
		if got := fixes("/var/lib/kubelet/pki")(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
