package guard

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// Usual are the places where nodes are broken, watched when nothing was
// repaired and nothing is named.
var Usual = []string{
	"/etc/kubernetes", "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/pki",
	"/etc/default/kubelet", "/etc/sysconfig/kubelet", "/etc/containerd", "/etc/crictl.yaml", "/etc/cni/net.d", "/opt/cni/bin",
	"/root/.kube/config", "/root/.bashrc", "/root/.profile", "/etc/profile", "/etc/profile.d", "/etc/bash.bashrc", "/etc/ld.so.preload", "/etc/ld.so.conf.d",
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/hostname", "/etc/passwd", "/etc/sudoers.d", "/etc/ssh",
	"/etc/crontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/var/spool/cron", "/etc/rc.local",
	"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system/kubelet.service.d", "/usr/lib/systemd/system/containerd.service", "/usr/lib/systemd/system/kubelet.service",
	"/etc/systemd/system-generators", "/usr/lib/systemd/system-generators", "/etc/sysctl.d", "/etc/sysctl.conf", "/etc/modprobe.d", "/etc/modules-load.d", "/etc/udev/rules.d",
	"/etc/apt/apt.conf.d", "/etc/nftables.conf", "/etc/iptables",
}

// Paths are targets of files and folders. A relative path is one below the
// working directory.
func Paths(list []string) ([]Target, error) {
	var out []Target
	for _, p := range list {
		abs, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("cannot watch %q: %w", p, err)
		}
		out = append(out, Target{Kind: "file", Name: abs})
	}
	return out, nil
}

// Repaired are the targets of the changes of repairs that stand. The last
// repair of a thing holds.
func Repaired(list []repair.Remain) []Target {
	at := map[string]int{}
	var out []Target
	for _, s := range list {
		for _, t := range targets(s.Op) {
			t.Repair = s.Number
			if t.Kind == "file" && s.Op.Kind() != "unit" {
				t.before(s.Before)
			}
			key := t.Kind + " " + t.Name
			if i, ok := at[key]; ok {
				if t.Repair == out[i].Repair { // a later step of one repair
					t.Before, t.Absent = out[i].Before, out[i].Absent
				}
				out[i] = t
				continue
			}
			at[key] = len(out)
			out = append(out, t)
		}
	}
	return out
}

// before takes in how the file was, from what an op kept of it.
func (t *Target) before(s op.State) {
	var was struct {
		Absent bool    `json:"absent"`
		File   op.File `json:"file"`
	}
	if json.Unmarshal(s, &was) != nil {
		return
	}
	t.Absent = was.Absent
	if !was.Absent && (len(was.File.Data) > 0 || was.File.Link != "") {
		t.Before = was.File.Sum()
	}
}

// targets are the things that an op changed.
func targets(o op.Op) []Target {
	file := func(paths ...string) (out []Target) {
		for _, p := range paths {
			if p != "" {
				out = append(out, Target{Kind: "file", Name: p})
			}
		}
		return out
	}
	one := func(kind, name string) []Target { return []Target{{Kind: kind, Name: name}} }
	switch x := o.(type) {
	case op.WriteFile:
		return file(x.Path)
	case op.RemoveFile:
		return file(x.Path)
	case op.CopyFile:
		return file(x.To)
	case op.Chmod:
		return file(x.Path)
	case op.FileAttr:
		return file(x.Path)
	case op.EditLine:
		return file(x.Path)
	case op.Splice:
		return file(x.Path)
	case op.PublishKey:
		return file(x.Path)
	case op.IssueKubeconfig:
		return file(x.Path)
	case op.IssueCertificate:
		return file(x.Cert, x.Key)
	case op.Unit:
		// masked, enabled and changed units are files
		return append(one("unit", x.Name), file("/etc/systemd/system/"+x.Name, "/etc/systemd/system/"+x.Name+".d")...)
	case op.DeleteQdisc:
		return one("qdisc", x.Qdisc.Link)
	case op.AddQdisc:
		return one("qdisc", x.Qdisc.Link)
	case op.DeleteRoute:
		return one("route", x.Route.String())
	case op.AddRoute:
		return one("route", x.Route.String())
	case op.DeleteRule, op.AddRule, op.DeleteFilter, op.AddFilter:
		return one("rule", o.String())
	case op.SetLink:
		return one("link", x.String())
	case op.PatchObject:
		return one("object", x.Path)
	case op.DeleteObject:
		return one("object", x.Path)
	case op.CreateObject:
		return one("object", x.Path)
	case op.SetField:
		return one("object", x.Path)
	}
	return nil
}
