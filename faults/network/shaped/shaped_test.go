package shaped

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// node has one pod behind vethab on br0, and an uplink.
func node() *snapshot.Snapshot {
	host := snapshot.NetNS{Inode: 1, Host: true, Links: []snapshot.Link{
		{Index: 1, Name: "lo", Kind: "device", Up: true},
		{Index: 2, Name: "ens3", Kind: "device", Up: true, MTU: 1500},
		{Index: 3, Name: "br0", Kind: "bridge", Up: true, MTU: 1500},
		{Index: 9, Name: "vethab", Kind: "veth", Up: true, MTU: 1500, Master: "br0", Peer: 2, PeerNS: 7},
	}, Routes: []snapshot.Route{{Dst: "default", Gateway: "10.0.0.254", Link: "ens3", Type: "unicast", Table: 254}}}
	pod := snapshot.NetNS{Inode: 7, Namespace: "shop", Pod: "web", Path: "/proc/70/ns/net", Links: []snapshot.Link{
		{Index: 1, Name: "lo", Kind: "device", Up: true},
		{Index: 2, Name: "eth0", Kind: "veth", Up: true, MTU: 1500, Peer: 9, PeerNS: 1, Addresses: []string{"10.5.0.7/24"}},
	}}
	return &snapshot.Snapshot{
		Network: &snapshot.Network{Namespaces: []snapshot.NetNS{host, pod}, DNAT: []snapshot.DNAT{
			{Address: "10.96.0.9", Port: 80, Protocol: "tcp", To: []string{"10.5.0.7:8080"}, Chain: "KUBE-SVC-X"},
		}},
		CNI:     &snapshot.CNI{},
		Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{{Namespace: "shop", Name: "web"}}},
	}
}

func with(ns int, q snapshot.Qdisc) *snapshot.Snapshot {
	s := node()
	if q.Parent == "" {
		q.Parent = "root"
	}
	q.Handle = "8001:"
	s.Network.Namespaces[ns].Qdiscs = append(s.Network.Namespaces[ns].Qdiscs, q)
	return s
}

func TestDetect(t *testing.T) {
	slow := snapshot.Qdisc{Kind: "tbf", RateBps: 64000, BurstBytes: 1600, LimitBytes: 3000}
	at := func(q snapshot.Qdisc, link string) snapshot.Qdisc { q.Link = link; return q }
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want string // subject's name
	}{
		"pod's end":         {with(1, at(slow, "eth0")), "eth0 of pod shop/web"},
		"host's end":        {with(0, at(slow, "vethab")), "vethab"},
		"bridge":            {with(0, at(slow, "br0")), "br0"},
		"uplink":            {with(0, at(slow, "ens3")), "ens3"},
		"delay":             {with(0, snapshot.Qdisc{Link: "ens3", Kind: "netem", DelayUs: 90000}), "ens3"},
		"loss":              {with(0, snapshot.Qdisc{Link: "br0", Kind: "netem", LossPct: 2}), "br0"},
		"within another":    {with(0, snapshot.Qdisc{Link: "br0", Kind: "netem", LossPct: 2, Parent: "1:1"}), "br0"},
		"default":           {with(0, snapshot.Qdisc{Link: "ens3", Kind: "fq_codel", Drops: 9}), ""},
		"empty netem":       {with(0, snapshot.Qdisc{Link: "ens3", Kind: "netem"}), ""},
		"a fast limit":      {with(0, snapshot.Qdisc{Link: "ens3", Kind: "tbf", RateBps: 400e6, Drops: 3}), ""},
		"unused slow limit": {with(0, snapshot.Qdisc{Link: "ens3", Kind: "tbf", RateBps: 50e6}), ""},
		"used slow limit":   {with(0, snapshot.Qdisc{Link: "ens3", Kind: "tbf", RateBps: 50e6, Drops: 4}), "ens3"},
		"pod's loopback":    {with(1, at(slow, "lo")), ""},
	} {
		got := detect(tc.s)
		switch {
		case tc.want == "" && len(got) > 0:
			t.Errorf("%s: accuses %s: %s", name, got[0].Subject, got[0].Summary)
		case tc.want != "" && (len(got) != 1 || got[0].Subject.Name != tc.want):
			t.Errorf("%s: finds %+v, want %s", name, got, tc.want)
		}
	}
}

// TestBandwidthPluginIsNotAccused: what a pod asks for is meant, and a hand
// beside it is not.
func TestBandwidthPluginIsNotAccused(t *testing.T) {
	plugin := &snapshot.CNI{Files: []snapshot.CNIFile{{Plugins: []snapshot.CNIPlugin{{Type: "bandwidth"}}}}}
	asked := snapshot.Qdisc{Link: "vethab", Kind: "tbf", RateBps: 10e6, BurstBytes: 4000, LimitBytes: 536 << 20, Overlimits: 40}
	s := with(0, asked)
	s.CNI = plugin
	s.Cluster.Pods[0].Annotations = map[string]string{"kubernetes.io/ingress-bandwidth": "10M"}
	if got := detect(s); len(got) > 0 {
		t.Errorf("accuses what the pod asks for: %s", got[0].Summary)
	}
	s.Cluster = nil
	if got := detect(s); len(got) > 0 {
		t.Errorf("accuses without having seen the pods: %s", got[0].Summary)
	}
	s = with(0, asked)
	s.CNI = plugin
	if got := detect(s); len(got) != 1 {
		t.Error("a limit that nobody asked for is quiet")
	}
	s = with(0, asked)
	s.CNI = &snapshot.CNI{Files: []snapshot.CNIFile{{Text: snapshot.Text{Content: `{"type":"bandwidth", "ingressRate": 10000000}`}}}}
	if got := detect(s); len(got) > 0 {
		t.Errorf("accuses what the configuration asks for: %s", got[0].Summary)
	}
}

func TestFactsQuoteProbesAndTheTranslation(t *testing.T) {
	s := with(0, snapshot.Qdisc{Link: "vethab", Kind: "tbf", RateBps: 5e6, BurstBytes: 1600, LimitBytes: 3000})
	s.Probes = &snapshot.Probes{List: []snapshot.Probe{
		{Kind: "pod", From: "host", To: "10.5.0.7:8080", Path: []snapshot.Hop{{NetNS: "host", Link: "vethab"}}, Tries: 8, Lost: 3, MedianMs: 210},
		{Kind: "pod", From: "host", To: "10.5.0.8:8080", Path: []snapshot.Hop{{NetNS: "host", Link: "vethcd"}}, Tries: 8, MedianMs: 0.2},
	}}
	f := detect(s)
	if len(f) != 1 {
		t.Fatalf("finds %+v", f)
	}
	var all []string
	for _, x := range f[0].Facts {
		all = append(all, x.Place()+": "+x.Got+" / "+x.Want)
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"qdisc tbf 8001: root rate 5Mbit", "median 210 ms, 3 of 8 lost through vethab", "as elsewhere: median 0.2 ms", "10.96.0.9:80 is translated to 10.5.0.7:8080"} {
		if !strings.Contains(text, want) {
			t.Errorf("facts lack %q:\n%s", want, text)
		}
	}
}

func TestRemedy(t *testing.T) {
	s := with(0, snapshot.Qdisc{Link: "br0", Kind: "tbf", RateBps: 64000, Raw: []byte{1}})
	s.Network.Namespaces[0].Qdiscs = append(s.Network.Namespaces[0].Qdiscs, snapshot.Qdisc{Link: "br0", Kind: "netem", Parent: "8001:1", Handle: "8002:", DelayUs: 50000})
	const line = "* * * * * root tc qdisc replace dev br0 root tbf rate 64kbit burst 1600 limit 3000"
	s.Persistence = &snapshot.Persistence{Entries: []snapshot.Persistent{{
		Kind: "cron.d", Source: "/etc/cron.d/net", Line: 2, Enabled: true, Command: line[len("* * * * * root "):],
		Files: []snapshot.Text{{Path: "/etc/cron.d/net", Content: "PATH=/usr/sbin\n" + line + "\n", SHA256: op.File{Data: []byte("PATH=/usr/sbin\n" + line + "\n")}.Sum()}},
	}}}
	plan, err := remedy(s, detect(s)[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(plan) != 3 || plan[0].Kind() != "remove-file" {
		t.Fatalf("plan %v", plan)
	}
	if d, ok := plan[1].(op.DeleteQdisc); !ok || d.Qdisc.Kind != "netem" || d.Qdisc.Parent != "8001:1" {
		t.Errorf("the inner one does not go first: %v", plan)
	}
	s = with(0, snapshot.Qdisc{Link: "br0", Kind: "htb", RateBps: 64000})
	if plan, err := remedy(s, detect(s)[0]); err == nil {
		t.Errorf("removes an htb: %v", plan)
	}
}

func TestRemedyTakesSeveralLinesOutOfOneFile(t *testing.T) {
	s := with(0, snapshot.Qdisc{Link: "br0", Kind: "tbf", RateBps: 64000, Raw: []byte{1}})
	const set = "tc qdisc replace dev br0 root tbf rate 64kbit burst 1600 limit 3000"
	table := snapshot.Text{Path: "/var/spool/cron/crontabs/root", Content: "@reboot " + set + "\n5 4 * * * backup\n* * * * * " + set + "\n"}
	table.SHA256 = op.File{Data: []byte(table.Content)}.Sum()
	s.Persistence = &snapshot.Persistence{}
	for _, line := range []int{1, 3} {
		s.Persistence.Entries = append(s.Persistence.Entries, snapshot.Persistent{
			Kind: "cron-spool", Source: table.Path, Line: line, Enabled: true, Command: set, Files: []snapshot.Text{table}})
	}
	plan, err := remedy(s, detect(s)[0])
	if err != nil || len(plan) != 3 {
		t.Fatalf("plan %v, %v", plan, err)
	}
	first, second := plan[0].(op.WriteFile), plan[1].(op.WriteFile)
	if second.Pin != (op.File{Data: first.Data}).Sum() || string(second.Data) != "5 4 * * * backup\n" {
		t.Errorf("the second change does not follow the first: %q after %q", second.Data, first.Data)
	}
}
