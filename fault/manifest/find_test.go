package manifest

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// pod is a manifest of that file, pod name and program.
func pod(file, name, program string, flags ...snapshot.Flag) snapshot.Manifest {
	return snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + file, Modified: at.Add(-time.Hour)}, Kind: "Pod", Name: name, Namespace: "kube-system",
		Containers: []snapshot.ManifestContainer{{Name: program, Command: program, Program: program, Flags: flags}}}
}

func static(list ...snapshot.Manifest) *snapshot.Snapshot {
	return &snapshot.Snapshot{At: at, Node: "n", Static: &snapshot.Static{Dir: "/m", Manifests: list}, Processes: &snapshot.Processes{}}
}

func TestStrays(t *testing.T) {
	own := pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler")
	for name, tc := range map[string]struct {
		other       snapshot.Manifest
		found, wins bool
		apart       bool
	}{
		"a copy that comes last":          {pod("kube-scheduler.yaml.bak", "kube-scheduler", "kube-scheduler"), true, true, false},
		"a copy that comes first":         {pod("a-kube-scheduler.yaml", "kube-scheduler", "kube-scheduler"), true, false, false},
		"a second pod":                    {pod("sched2.yaml", "kube-scheduler-2", "kube-scheduler"), true, false, false},
		"a second pod at its own port":    {pod("sched2.yaml", "kube-scheduler-2", "kube-scheduler", snapshot.Flag{Name: "secure-port", Value: "11259"}), true, false, true},
		"a copy with another port":        {pod("kube-scheduler.yaml.bak", "kube-scheduler", "kube-scheduler", snapshot.Flag{Name: "secure-port", Value: "11259"}), true, true, false},
		"another component":               {pod("kube-apiserver.yaml", "kube-apiserver", "kube-apiserver"), false, false, false},
		"a pod of somebody":               {pod("haproxy.yaml", "haproxy", "haproxy"), false, false, false},
		"another component's file, wrong": {pod("kube-apiserver.yaml", "kube-apiserver", "kube-scheduler"), false, false, false},
	} {
		got := Strays(static(own, tc.other))
		if (len(got) == 1) != tc.found || tc.found && (got[0].Wins != tc.wins || got[0].Apart != tc.apart) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Strays(static(pod("sched.yaml", "my-scheduler", "kube-scheduler"))); got != nil {
		t.Errorf("a distribution with names of its own: %+v", got)
	}
}

func TestStays(t *testing.T) {
	for name, tc := range map[string]struct {
		started time.Duration // before the snapshot
		changed time.Duration // the manifest's inode, before the snapshot
		args    string
		want    bool
	}{
		"runs since long":                {30 * time.Minute, time.Hour, "--v=3", true},
		"has just started":               {20 * time.Second, time.Hour, "--v=2", false},
		"of an older manifest":           {2 * time.Hour, 3 * time.Hour, "--v=2", false},
		"an older manifest was put back": {30 * time.Minute, time.Minute, "--v=3", false},
		"only its mode was changed":      {30 * time.Minute, time.Minute, "--v=2", true},
		"with more than the manifest":    {30 * time.Minute, time.Minute, "--v=2 --w=1", false},
		"it is not known since":          {0, time.Hour, "--v=2", false},
	} {
		s := static(pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler"))
		p := snapshot.Process{PID: 5, Name: "kube-scheduler", Args: append([]string{"kube-scheduler"}, strings.Fields(tc.args)...)}
		if tc.started > 0 {
			p.Start = at.Add(-tc.started)
		}
		s.Processes.List = []snapshot.Process{p}
		s.Static.Manifests[0].Changed = at.Add(-tc.changed)
		s.Static.Manifests[0].Containers[0].Flags = []snapshot.Flag{{Name: "v", Value: "2"}}
		if got := Stays(s, s.Static.Manifests[0], "kube-scheduler"); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A component that runs speaks for a flag that it looks at once it leads only
// when it does.
func TestLeads(t *testing.T) {
	lease := func(holder string, ago time.Duration) []snapshot.Lease {
		return []snapshot.Lease{{Namespace: "kube-system", Name: "kube-scheduler", Holder: holder, Renewed: at.Add(-ago)}}
	}
	for name, tc := range map[string]struct {
		w      Wrong
		leases []snapshot.Lease
		want   int
	}{
		"looked at at once":        {Wrong{}, nil, 0},
		"it leads":                 {Wrong{Leads: true}, lease("n_1", time.Second), 0},
		"it has led":               {Wrong{Leads: true}, lease("n_1", time.Hour), 1},
		"another leads":            {Wrong{Leads: true}, lease("n2_1", time.Second), 1},
		"nobody knows who":         {Wrong{Leads: true}, nil, 1},
		"it serves with it anyway": {Wrong{Serves: true}, lease("n_1", time.Second), 1},
	} {
		s := static(pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler"))
		s.Node, s.Cluster = "n", &snapshot.Cluster{Leases: tc.leases}
		s.Processes.List = []snapshot.Process{{PID: 5, Name: "kube-scheduler", Args: []string{"kube-scheduler"}, Start: at.Add(-30 * time.Minute)}}
		tc.w.Part, _ = Find(s, "kube-scheduler")
		tc.w.Flag, tc.w.Why = "x", "it is wrong"
		if got := DetectFlags(func(*snapshot.Snapshot) []Wrong { return []Wrong{tc.w} })(s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestElection(t *testing.T) {
	flag := func(name, value string) snapshot.Flag {
		return snapshot.Flag{Name: "leader-elect-" + name, Value: value, Type: "duration"}
	}
	for name, tc := range map[string]struct {
		flags []snapshot.Flag
		want  string // the flag that is accused
	}{
		"as it comes":                      {nil, ""},
		"slow and consistent":              {[]snapshot.Flag{flag("lease-duration", "60s"), flag("renew-deadline", "40s"), flag("retry-period", "5s")}, ""},
		"as OpenShift has it":              {[]snapshot.Flag{flag("lease-duration", "137s"), flag("renew-deadline", "107s"), flag("retry-period", "26s")}, ""},
		"a lease as short as the deadline": {[]snapshot.Flag{flag("lease-duration", "10s")}, "leader-elect-lease-duration"},
		"a deadline as long as the lease":  {[]snapshot.Flag{flag("renew-deadline", "15s")}, "leader-elect-renew-deadline"},
		"a period as long":                 {[]snapshot.Flag{flag("retry-period", "9s")}, "leader-elect-retry-period"},
		"a lease of hours":                 {[]snapshot.Flag{flag("lease-duration", "3h")}, "leader-elect-lease-duration"},
		"off":                              {[]snapshot.Flag{{Name: "leader-elect", Value: "false"}, flag("lease-duration", "1s")}, ""},
		"no such namespace":                {[]snapshot.Flag{flag("resource-namespace", "ops")}, "leader-elect-resource-namespace"},
		"another namespace":                {[]snapshot.Flag{flag("resource-namespace", "default")}, ""},
		"no duration":                      {[]snapshot.Flag{flag("lease-duration", "long")}, ""},
	} {
		s := static(pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler", tc.flags...))
		s.Cluster = &snapshot.Cluster{Namespaces: []snapshot.Namespace{{Name: "default"}, {Name: "kube-system"}}}
		got := ""
		for _, w := range Election(s, "kube-scheduler") {
			got = w.Flag
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	for seed := range uint64(30) {
		name, value, _ := cut(BadElection(fault.NewDice(seed)))
		s := static(pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler", snapshot.Flag{Name: name, Value: value}))
		if len(Election(s, "kube-scheduler")) == 0 {
			t.Errorf("--%s=%s elects a leader", name, value)
		}
	}
}

func cut(word string) (name, value string, ok bool) {
	for i := range word {
		if word[i] == '=' {
			return word[2:i], word[i+1:], true
		}
	}
	return word, "", false
}

// Nothing that other distributions have is a component of kubeadm's making.
func TestOtherDistributions(t *testing.T) {
	s := static(pod("kube-scheduler.yaml", "kube-scheduler", "kube-scheduler"))
	if IsKubeadm(s) {
		t.Error("a manifest without kubeadm's marks is taken for one of kubeadm")
	}
	if got := All(&snapshot.Snapshot{}); got != nil {
		t.Errorf("components of a node without static pods: %v", got)
	}
}

// The last use of a flag counts; what is wrong is that there is one, where an
// earlier one is right.
func TestOverridden(t *testing.T) {
	use := func(v string) snapshot.Flag {
		return snapshot.Flag{Name: "tls-cert-file", Value: v, Type: "string"}
	}
	const right = "/etc/kubernetes/pki/apiserver.crt"
	for what, tc := range map[string]struct {
		flags []snapshot.Flag
		want  bool
	}{
		"once, and wrong":      {[]snapshot.Flag{use("/x")}, false},
		"right, then wrong":    {[]snapshot.Flag{use(right), use("/x")}, true},
		"wrong, then right":    {[]snapshot.Flag{use("/x"), use(right)}, false},
		"wrong each time":      {[]snapshot.Flag{use("/x"), use("/y")}, false},
		"right in the middle":  {[]snapshot.Flag{use("/x"), use(right), use("/y")}, true},
		"right more than once": {[]snapshot.Flag{use(right), use(right)}, false},
	} {
		s := static(pod("kube-apiserver.yaml", "kube-apiserver", "kube-apiserver", tc.flags...))
		s.Static.Manifests[0].Fields = []snapshot.Field{{Path: "metadata.annotations.kubeadm.kubernetes.io/x"}}
		p, _ := Find(s, "kube-apiserver")
		if got := Overridden(s, p, "tls-cert-file"); got != tc.want {
			t.Errorf("%s: %v", what, got)
		}
		told := len(DetectFlags(func(*snapshot.Snapshot) []Wrong {
			return []Wrong{{Part: p, Flag: "tls-cert-file", Why: "no", Drop: true}}
		})(s)) > 0
		if told == tc.want {
			t.Errorf("%s: a rule of what the flag says tells of it: %v", what, told)
		}
	}
}
