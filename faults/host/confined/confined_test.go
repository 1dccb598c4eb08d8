package confined

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	profile = "/etc/apparmor.d/usr.bin.kubelet"
	denied  = `audit: type=1400 audit(1767322980.123:45): apparmor="DENIED" operation="open" class="file" profile="/usr/bin/kubelet" name="/var/lib/kubelet/config.yaml" pid=712 comm="kubelet" requested_mask="r" denied_mask="r" fsuid=0 ouid=0`
	selinux = `audit: type=1400 audit(1767322980.123:46): avc:  denied  { read } for  pid=91 comm="etcd" name="db" dev="vda1" ino=131 scontext=system_u:system_r:container_t:s0:c1,c2 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0`
	signal  = `audit: type=1400 audit(1767322980.123:47): apparmor="DENIED" operation="signal" class="signal" profile="cri-containerd.apparmor.d" pid=4 comm="runc" requested_mask="receive" denied_mask="receive" signal=kill peer="runc"`
	exec    = `audit: type=1400 audit(1767322980.123:48): apparmor="DENIED" operation="exec" class="file" profile="unconfined" name="/usr/bin/kubelet" pid=712 comm="(kubelet)" requested_mask="x" denied_mask="x" fsuid=0 ouid=0`
)

// Somebody's profile keeps the kubelet from its configuration.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		text := "#include <tunables/global>\nprofile /usr/bin/kubelet {\n  /usr/bin/kubelet mr,\n}\n"
		if err := m.WriteFile(profile, op.File{Data: []byte(text), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}), faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
		if _, err := m.ReadFile(profile); err == nil {
			said(s, denied)
		}
	}))
}

// said lets the kernel say a line, and the kubelet what follows from it.
func said(s *snapshot.Snapshot, line string) {
	s.Logs.Observations = append(s.Logs.Observations,
		snapshot.Observation{ID: "kernel-denied", Source: "journal:kernel", Sample: line, Last: s.At.Add(-time.Minute)},
		snapshot.Observation{ID: "file-denied", Source: "journal:kubelet.service", Sample: `"command failed" err="open /var/lib/kubelet/config.yaml: permission denied"`, Last: s.At.Add(-time.Minute)})
}

func TestDetect(t *testing.T) {
	down := func(s *snapshot.Snapshot) {
		s.Static = &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/etc/kubernetes/manifests/etcd.yaml"}, Containers: []snapshot.ManifestContainer{{Name: "etcd", Command: "etcd"}}}}}
		s.Processes = &snapshot.Processes{List: []snapshot.Process{{Name: "kube-apiserver"}}}
	}
	failed := func(s *snapshot.Snapshot) {
		s.Systemd = &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubelet.service", Active: "activating", Sub: "auto-restart"}}}
	}
	says := func(source, line string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Logs.Bursts = []snapshot.Burst{{Source: source, Sample: line, Last: s.At.Add(-time.Minute)}}
		}
	}
	const runtime = "journal:containerd.service"
	for name, tt := range map[string]struct {
		line   string
		change func(*snapshot.Snapshot)
		want   string // of the subject, "" for no finding
	}{
		"it says so":                {denied, says("journal:kubelet.service", "open /var/lib/kubelet/config.yaml: permission denied"), "kubelet"},
		"it does not start":         {denied, failed, "kubelet"},
		"it may not be run":         {exec, failed, "kubelet"},
		"it goes on":                {denied, func(*snapshot.Snapshot) {}, ""},
		"another's trouble":         {denied, says("journal:kubelet.service", "open /var/lib/kubelet/pki/x: permission denied"), ""},
		"of no component":           {strings.ReplaceAll(strings.ReplaceAll(denied, `comm="kubelet"`, `comm="chronyd"`), "/usr/bin/kubelet", "/usr/sbin/chronyd"), failed, ""},
		"complain mode":             {strings.Replace(denied, "DENIED", "ALLOWED", 1), failed, ""},
		"labels, and etcd is gone":  {selinux, down, "etcd"},
		"labels, and it says so":    {selinux, says("/var/log/pods/kube-system_etcd-a_1/etcd/2.log", `"error":"open /var/lib/etcd/member/snap/db: permission denied"`), "etcd"},
		"labels, and another file":  {selinux, says("/var/log/pods/kube-system_etcd-a_1/etcd/2.log", `"error":"open /var/lib/etcd/member/snap/dbx: permission denied"`), ""},
		"permissive":                {strings.Replace(selinux, "permissive=0", "permissive=1", 1), down, ""},
		"a signal":                  {signal, says(runtime, "unable to signal init: permission denied"), "runc"},
		"a signal that harms not":   {signal, says(runtime, "mkdir /x: permission denied"), ""},
		"nothing that can be read":  {"avc:  denied", down, ""},
		"a component that is there": {selinux, func(s *snapshot.Snapshot) { down(s); s.Processes.List[0].Name = "etcd" }, ""},
	} {
		s := &snapshot.Snapshot{At: faulttest.At, Logs: &snapshot.Logs{}}
		s.Logs.Observations = []snapshot.Observation{{ID: "kernel-denied", Source: "journal:kernel", Sample: tt.line, Last: s.At.Add(-time.Minute)}}
		tt.change(s)
		got := detect(s)
		if len(got) > 1 || len(got) > 0 != (tt.want != "") || len(got) > 0 && got[0].Subject.Name != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
		s.Logs.Observations[0].Last = s.At.Add(-time.Hour)
		if got := detect(s); len(got) > 0 {
			t.Errorf("%s, an hour ago: %+v", name, got)
		}
	}
}

// What auditd took away from the kernel's log is read from its own.
func TestAuditd(t *testing.T) {
	for name, fields := range map[string]map[string]string{
		"AppArmor": {"apparmor": "DENIED", "operation": "open", "profile": "/usr/bin/kubelet", "name": "/var/lib/kubelet/config.yaml", "comm": "kubelet"},
		"SELinux":  {"denied": "open", "scontext": "system_u:system_r:kubelet_t:s0", "name": "config.yaml", "comm": "kubelet", "permissive": "0"},
	} {
		s := &snapshot.Snapshot{At: faulttest.At, Logs: &snapshot.Logs{}}
		said(s, "")
		s.Trail = &snapshot.Trail{Kernel: []snapshot.KernelAudit{{Type: "AVC", Time: s.At.Add(-time.Minute), Fields: fields}}}
		if got := detect(s); len(got) != 1 || !strings.HasPrefix(got[0].Summary, name) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, x := range []string{denied, selinux, signal, exec, "avc:  denied  { a b", `apparmor="DENIED" comm=")("`} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d, ok := parse(line)
		if ok && d.text != line {
			t.Errorf("%q: %+v", line, d)
		}
		d.component()
		d.told(line)
	})
}
