package reapplied

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Hand(func(m *faulttest.Machine) { _ = m.StopUnit(t.Context(), "kubelet.service") }))
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		command string
		want    int
	}{
		"stops the kubelet":           {"systemctl stop kubelet", 1},
		"restarts it":                 {"systemctl stop kubelet; sleep 5; systemctl start kubelet", 0},
		"restarts it at once":         {"systemctl restart kubelet", 0},
		"stops another":               {"systemctl stop ufw", 0},
		"stops one that runs":         {"systemctl stop containerd", 0},
		"renews certificates":         {"kubeadm certs renew all && systemctl restart kubelet", 0},
		"forwarding off":              {"sysctl -w net.ipv4.ip_forward=0", 1},
		"forwarding off, by a file":   {"echo 0 > /proc/sys/net/ipv4/ip_forward", 1},
		"forwarding on":               {"sysctl -w net.ipv4.ip_forward=1", 0},
		"off, and is on":              {"sysctl -w net.bridge.bridge-nf-call-iptables=0", 0},
		"swappiness":                  {"sysctl -w vm.swappiness=0", 0},
		"snapshot of etcd":            {"etcdctl snapshot save /backup/etcd-$(date +%F).db; find /backup -mtime +7 -delete", 0},
		"backup of the configuration": {"cp -r /etc/kubernetes /backup/", 0},
		"prunes":                      {"crictl rmi --prune", 0},
		"takes a manifest":            {"mv /etc/kubernetes/manifests/kube-scheduler.yaml /root/", 1},
		"takes one that is there":     {"rm -f /etc/kubernetes/manifests/etcd.yaml", 0},
		"takes an old one":            {"rm -f /etc/kubernetes/manifests/haproxy.yaml", 0},
		"spoils the pod network":      {"echo x > /etc/cni/net.d/05-x.conflist", 1},
		"writes the pod network":      {"cp /opt/net.conflist /etc/cni/net.d/10-pods.conflist", 0},
		"stops etcd's process":        {"pkill -STOP etcd", 1},
		"asks after it":               {"pkill -0 etcd", 0},
		"only speaks of it":           {"echo systemctl stop kubelet", 0},
	} {
		s := &snapshot.Snapshot{
			Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Enabled: true, Command: tt.command}}},
			Systemd:     &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubelet.service", Path: "/x", Active: "inactive"}, {Name: "containerd.service", Path: "/x", Active: "active"}, {Name: "ufw.service", Path: "/x", Active: "inactive"}}},
			Sysctls: &snapshot.Sysctls{Keys: []snapshot.Sysctl{{Key: "net.ipv4.ip_forward", Value: "0", There: true}, {Key: "vm.swappiness", Value: "0", There: true},
				{Key: "net.bridge.bridge-nf-call-iptables", Value: "1", There: true}}},
			Static:    &snapshot.Static{Dir: "/etc/kubernetes/manifests", Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/etc/kubernetes/manifests/etcd.yaml"}}}},
			CNI:       &snapshot.CNI{Files: []snapshot.CNIFile{{Text: snapshot.Text{Path: "/etc/cni/net.d/05-x.conflist"}, Error: "no JSON"}, {Text: snapshot.Text{Path: "/etc/cni/net.d/10-pods.conflist"}}}},
			Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 5, Name: "etcd", State: "T"}}},
		}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
		for i := range s.Persistence.Entries {
			s.Persistence.Entries[i].Package = "p"
		}
		if got := detect(s); len(got) > 0 {
			t.Errorf("%s, a package's: got %+v", name, got)
		}
	}
}
