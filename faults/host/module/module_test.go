package module

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	barred = "/etc/modprobe.d/hardening.conf"
	named  = "/etc/modules-load.d/k8s.conf"
	agent  = "/var/log/pods/kube-system_flannel-x_1/flannel/3.log"
	says   = "Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-iptables: no such file or directory"
)

// A file of somebody's hardening keeps br_netfilter out, and the file that
// names it is gone: what the world shows of the kernel follows from the files.
func Test(t *testing.T) {
	unit := op.File{Data: []byte("[Service]\nType=oneshot\nExecStart=/usr/lib/systemd/systemd-modules-load\n"), Mode: 0o644}
	faulttest.Run(t, Fault,
		faulttest.File("/usr/lib/systemd/system/"+loader, unit),
		faulttest.File(named, op.File{Data: []byte("br_netfilter\n"), Mode: 0o644}),
		faulttest.Broken(func(m *faulttest.Machine) {
			text := "# hardening\nblacklist br_netfilter\ninstall br-netfilter \\\n  /bin/false\nblacklist pcspkr\n"
			if err := m.WriteFile(barred, op.File{Data: []byte(text), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			if err := m.RemoveFile(named); err != nil {
				t.Fatal(err)
			}
		}), faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
			n := snapshot.NeededModule{Name: "br_netfilter", State: "available", Source: "/lib/modules/6/br_netfilter.ko"}
			loads := false
			for _, l := range s.Modules.Lines {
				loads = loads || l.Kind == "load" && l.Module == n.Name
			}
			if loads && len(barring(s.Modules, n.Name)) == 0 {
				n.State = "loaded"
			}
			s.Modules.Supported, s.Modules.Dir, s.Modules.Needed = true, "/lib/modules/6", []snapshot.NeededModule{n}
			if n.State != "loaded" {
				s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: "file-missing", Source: agent, Sample: says, Last: s.At.Add(-time.Minute)})
			}
		}))
}

// node is one with a module in a state, and a line in a log.
func node(name, state, source, line string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{At: faulttest.At, Logs: &snapshot.Logs{},
		Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Name: loader, Path: "/usr/lib/systemd/system/" + loader}}},
		Modules: &snapshot.Modules{Supported: true, Dir: "/lib/modules/6", Release: "6", Needed: []snapshot.NeededModule{{Name: name, State: state}}}}
	if line != "" {
		s.Logs.Tails = []snapshot.LogTail{{Source: source, Lines: []string{s.At.Add(-2*time.Minute).Format(time.RFC3339) + " " + line, s.At.Format(time.RFC3339) + " bye"}}}
	}
	return s
}

func TestDetect(t *testing.T) {
	const proxy, runtime = "/var/log/pods/kube-system_kube-proxy-x_1/kube-proxy/3.log", "journal:containerd.service"
	for name, tt := range map[string]struct {
		s    *snapshot.Snapshot
		want string // of the summary, "" for no finding
	}{
		"missed":                         {node("br_netfilter", "available", agent, says), "nothing loads it"},
		"loaded since":                   {node("br_netfilter", "loaded", agent, says), ""},
		"built in":                       {node("br_netfilter", "builtin", agent, says), ""},
		"nobody misses it":               {node("br_netfilter", "available", agent, ""), ""},
		"another's log":                  {node("br_netfilter", "available", "kmsg", says), ""},
		"another file":                   {node("br_netfilter", "available", agent, "stat /proc/sys/net/core/x: no such file or directory"), ""},
		"ipvs":                           {node("ip_vs", "absent", proxy, `E0102 server.go:1] "Error running ProxyServer" err="can't use the IPVS proxier: Ipvs not supported"`), "do not have it"},
		"ipvs is there, and no rr":       {with(node("ip_vs_rr", "available", proxy, "could not create dummy VS: no such file"), "ip_vs", "loaded"), "nothing loads it"},
		"ipvs itself, and rr goes along": {with(node("ip_vs_rr", "available", proxy, "could not create dummy VS: no such file"), "ip_vs", "available"), "module ip_vs is"},
		"a table":                        {node("iptable_nat", "absent", proxy, "iptables v1.8.9 (legacy): can't initialize iptables table `nat': Table does not exist"), "do not have it"},
		"another table":                  {node("iptable_filter", "absent", proxy, "can't initialize iptables table `nat': Table does not exist"), ""},
		"a match":                        {node("xt_statistic", "available", proxy, `Warning: Extension statistic revision 0 not supported, missing kernel module?`), "nothing loads it"},
		"overlay":                        {node("overlay", "listed", runtime, `level=error msg="failed to mount /tmp/x: overlay: no such device"`), "do not have it"},
		"overlay, another trouble":       {node("overlay", "available", runtime, `level=error msg="overlay: no space left on device"`), ""},
		"updated and not booted":         {at(node("br_netfilter", "unknown", agent, says), func(m *snapshot.Modules) { m.Dir = "" }), "/lib/modules/6, is not there"},
		"kmod":                           {node("vxlan", "listed", runtime, "modprobe: FATAL: Module vxlan not found in directory /lib/modules/6"), "do not have it"},
		"switched off":                   {at(node("vxlan", "available", agent, "failed to create vxlan device: operation not supported"), func(m *snapshot.Modules) { m.Disabled = true }), "switched off"},
		"by the command line": {at(node("vxlan", "available", agent, "failed to create vxlan device: operation not supported"), func(m *snapshot.Modules) {
			m.Lines = []snapshot.ModuleLine{{Kind: "blacklist", Module: "vxlan", File: "/proc/cmdline", Line: 1, Raw: "module_blacklist=vxlan"}}
		}), "/proc/cmdline:1"},
		"a line that loads it with more": {at(node("vxlan", "available", agent, "failed to create vxlan device: operation not supported"), func(m *snapshot.Modules) {
			m.Lines = []snapshot.ModuleLine{{Kind: "install", Module: "vxlan", Value: "/sbin/modprobe --ignore-install vxlan; logger x", File: "/etc/modprobe.d/a.conf", Line: 1}}
		}), "nothing loads it"},
	} {
		got := detect(tt.s)
		if len(got) > 1 || len(got) > 0 != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func with(s *snapshot.Snapshot, name, state string) *snapshot.Snapshot {
	s.Modules.Needed = append(s.Modules.Needed, snapshot.NeededModule{Name: name, State: state})
	return s
}

func at(s *snapshot.Snapshot, change func(*snapshot.Modules)) *snapshot.Snapshot {
	change(s.Modules)
	return s
}

// Without a line in a log, only a bridge of pods tells that br_netfilter is
// missed; and where the unit that loads it is masked, that is told instead.
func TestBridge(t *testing.T) {
	bridge := func() *snapshot.Snapshot {
		s := node("br_netfilter", "available", agent, "")
		s.Sysctls = &snapshot.Sysctls{Keys: []snapshot.Sysctl{{Key: "net.bridge.bridge-nf-call-iptables", Path: "/proc/sys/net/bridge/bridge-nf-call-iptables"}}}
		s.Kubelet = &snapshot.Kubelet{Proxy: &snapshot.Proxy{Mode: "iptables"}}
		s.Network = &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "cni0", Kind: "bridge"}, {Name: "v", Kind: "veth", Master: "cni0"}}}, {Pod: "a"}}}
		return s
	}
	for name, tt := range map[string]struct {
		change func(*snapshot.Snapshot)
		want   int
	}{
		"a bridge":         {func(*snapshot.Snapshot) {}, 1},
		"nftables":         {func(s *snapshot.Snapshot) { s.Kubelet.Proxy.Mode = "nftables" }, 0},
		"routed":           {func(s *snapshot.Snapshot) { s.Network.Namespaces[0].Links[1].Master = "" }, 0},
		"the setting is":   {func(s *snapshot.Snapshot) { s.Sysctls.Keys[0].There = true }, 0},
		"no pods":          {func(s *snapshot.Snapshot) { s.Network.Namespaces = s.Network.Namespaces[:1] }, 0},
		"a foreign kernel": {func(s *snapshot.Snapshot) { s.Modules.Needed[0].State = "unknown" }, 0},
		"a masked loader": {func(s *snapshot.Snapshot) {
			s.Systemd.Units[0].Masked = true
			s.Modules.Lines = []snapshot.ModuleLine{{Kind: "load", Module: "br_netfilter", File: named, Line: 1}}
		}, 0},
	} {
		s := bridge()
		tt.change(s)
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What cannot be loaded is for a person.
func TestRemedy(t *testing.T) {
	for name, tt := range map[string]struct {
		s    *snapshot.Snapshot
		want string // of the error, "" for a plan
	}{
		"not named":    {node("overlay", "available", "", ""), ""},
		"not there":    {node("overlay", "absent", "", ""), "install the package"},
		"switched off": {at(node("overlay", "available", "", ""), func(m *snapshot.Modules) { m.Disabled = true }), "until the next boot"},
		"command line": {at(node("overlay", "available", "", ""), func(m *snapshot.Modules) {
			m.Lines = []snapshot.ModuleLine{{Kind: "blacklist", Module: "overlay", File: "/proc/cmdline"}}
		}), "boot loader"},
	} {
		plan, err := Fault.Remedy(tt.s, finding.Finding{Subject: finding.Subject{Kind: "module", Name: "overlay"}})
		if err == nil != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && len(plan) != 2 {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}
