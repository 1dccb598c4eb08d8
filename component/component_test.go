package component

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEveryTableIsRead(t *testing.T) {
	for _, name := range Names() {
		c, ok := Of(name, "")
		if !ok || len(c.Flags()) < 50 || c.Exact {
			t.Errorf("%s: %v, %d flags", name, ok, len(c.Flags()))
		}
		for _, f := range c.Flags() {
			if f.Type == "" || f.Default != "" && f.Default != "[]" && !strings.HasPrefix(f.Type, "enum") && f.Name != "cors" && f.Check(f.Default) != nil {
				t.Errorf("%s: %s %s: the default %q is none: %v", name, f.Name, f.Type, f.Default, f.Check(f.Default))
			}
		}
	}
	if _, ok := Of("schema", ""); ok {
		t.Error("schema is no component")
	}
}

func TestNearestRelease(t *testing.T) {
	for _, c := range []struct {
		name, version, want string
		exact               bool
	}{
		{"kubelet", "v1.37.2", "v1.37", true}, {"kubelet", "1.37", "v1.37", true}, {"kubelet", "v1.99.0", "v1.37", false}, {"kubelet", "", "v1.37", false},
		{"etcd", "3.6.12", "v3.6", true}, {"etcd", "3.5.21-0", "v3.5", true}, {"etcd", "2.3", "v3.5", false}, {"etcd", "9", "v3.7", false},
	} {
		if x, _ := Of(c.name, c.version); x.Version != c.want || x.Exact != c.exact {
			t.Errorf("%s %s: %s, %v", c.name, c.version, x.Version, x.Exact)
		}
	}
}

func TestFlagsOfReleases(t *testing.T) {
	for _, c := range []struct {
		name, version, flag string
		want                bool
	}{
		{"kube-apiserver", "v1.37", "etcd-servers", true}, {"kube-apiserver", "v1.37", "etcd_servers", true},
		{"kube-apiserver", "v1.37", "etcd-server", false}, {"kubelet", "v1.37", "v", true},
		{"etcd", "v3.5", "enable-v2", true}, {"etcd", "v3.6", "enable-v2", false}, {"etcd", "v3.7", "data_dir", false},
	} {
		x, _ := Of(c.name, c.version)
		if _, ok := x.Flag(c.flag); ok != c.want {
			t.Errorf("%s %s --%s: %v", c.name, c.version, c.flag, ok)
		}
	}
}

func TestParse(t *testing.T) {
	api, _ := Of("kube-apiserver", "v1.37")
	etcd, _ := Of("etcd", "v3.7")
	for _, c := range []struct {
		of   *Component
		line string
		want string // name value problem, by argument
	}{
		{api, "--etcd-servers=https://a,https://b --allow-privileged", "etcd-servers|https://a,https://b|;allow-privileged|true|"},
		{api, "--secure-port 6443 -v4 -v=2", "secure-port|6443|;v|4|;v|2|"},
		{api, "--secure-port=https", `secure-port|https|"https" is no int: invalid syntax`},
		{api, "--etcd-prefx /x", "etcd-prefx|/x|is no flag of kube-apiserver v1.37 (etcd-prefix)"},
		{api, "--allow-privileged true", "allow-privileged|true|;|true|is no flag, and the program takes nothing else"},
		{api, "--etcd-cafile", "etcd-cafile||needs a value"},
		{api, "-etcd-cafile=/x", "etcd-cafile|/x|needs two dashes (etcd-cafile)"},
		{api, "--request-timeout=1", `request-timeout|1|"1" is no duration: missing unit in duration "1"`},
		{api, "--service-node-port-range=30000-70000", `service-node-port-range|30000-70000|"30000-70000" is no portRange: not a range of ports`},
		{api, "--advertise-address=10.0.0.256", `advertise-address|10.0.0.256|"10.0.0.256" is no ip: not an IP address`},
		{etcd, "-name=a --snapshot-count x y --data-dir=/z", `name|a|;snapshot-count|x|"x" is no uint64: invalid syntax;|y|is no flag, and the program takes nothing else;|--data-dir=/z|is not read: it follows "y"`},
		{etcd, "--listen-peer-urls=10.0.0.1:2380", `listen-peer-urls|10.0.0.1:2380|"10.0.0.1:2380" is no urls: not a URL`},
		{etcd, "--initial-cluster-state=old", `initial-cluster-state|old|"old" is none of existing, new`},
	} {
		var got []string
		for _, a := range c.of.Parse(strings.Fields(c.line)) {
			s := a.Name + "|" + a.Value + "|" + a.Problem
			if a.Nearest != "" {
				s += " (" + a.Nearest + ")"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ";"); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.line, s, c.want)
		}
	}
}

func TestRelease(t *testing.T) {
	r := ReleaseOf("v1.37.2")
	if p, ok := r.Plugin("NodeRestriction"); !ok || p.On {
		t.Errorf("%+v", p)
	}
	if c, ok := r.Controller("node"); ok {
		t.Errorf("%+v", c)
	}
	if c, ok := r.Controller("nodelifecycle"); !ok || c.Alias != "node-lifecycle-controller" {
		t.Errorf("%+v", c)
	}
	gates, problems := r.SetGates("NodeLogQuery=true, kube:AllAlpha=false,NodeLogQuerry=true,AllBeta=maybe")
	want := []string{`no feature gate "NodeLogQuerry" in v1.37, which has NodeLogQuery`, `feature gate AllBeta: "maybe" is neither true nor false`}
	if !slices.Equal(problems, want) || !gates["NodeLogQuery"] || gates["AllAlpha"] {
		t.Errorf("%v %q", gates, problems)
	}
}

func TestGatesOfReleases(t *testing.T) {
	for version, want := range map[string]string{"v1.33": "BETA true false", "v1.34": "GA true true", "v1.36": "GA true true", "v1.37": "none"} {
		got := "none"
		if g, ok := ReleaseOf(version).Gate("APIServerTracing"); ok {
			got = fmt.Sprint(g.Stage, " ", g.Default, " ", g.Locked)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", version, got, want)
		}
	}
	if p := ReleaseOf("v1.35").CheckGate("APIServerTracing", "false"); p != "feature gate APIServerTracing is locked" {
		t.Error(p)
	}
}

func TestSchema(t *testing.T) {
	s := SchemaOf("v1.37")
	for _, c := range []struct{ kind, path, want string }{
		{"Pod", "spec.hostNetwork", "bool"}, {"Pod", "metadata.labels", "map[string]string"}, {"Pod", "spec.containers", "[]Container"},
		{"Pod", "spec.hostnetwork", ""}, {"KubeletConfiguration", "authentication.webhook.cacheTTL", "Duration"}, {"KubeletConfiguration", "featureGates.X", "bool"},
	} {
		if got, _ := s.At(c.kind, c.path); got != c.want {
			t.Errorf("%s %s: %q", c.kind, c.path, got)
		}
	}
	if d, _ := s.Default("KubeletConfiguration", "maxPods"); d != "110" {
		t.Errorf("maxPods %q", d)
	}
	if n := s.Nearest("KubeletConfiguration", "staticPodpath"); n != "staticPodPath" {
		t.Errorf("nearest %q", n)
	}
}

func TestQuantity(t *testing.T) {
	for in, want := range map[string]string{"100m": "1/10", "2Gi": "2147483648", "1.5": "3/2", "1e3": "1000", "5%": "", "": "", "1 Gi": "", "1gi": ""} {
		q, err := Quantity(in)
		if got := ""; err == nil {
			if got = q.RatString(); got != want {
				t.Errorf("%s: %s", in, got)
			}
		} else if want != "" {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestSpan(t *testing.T) {
	minors := []string{"v1.33", "v1.34", "v1.35", "v1.36"}
	for _, c := range []struct {
		span, minor string
		want        bool
	}{{"v1.34..v1.35", "v1.34", true}, {"v1.34..v1.35", "v1.36", false}, {"v1.33,v1.36", "v1.36", true}, {"v1.33", "v1.40", false}, {"v1.2", "v1.33", false}} {
		if got := within(c.span, c.minor, minors); got != c.want {
			t.Errorf("%s in %s: %v", c.minor, c.span, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("kube-apiserver", "--a=b\n-v4\n--\n-", "x")
	f.Add("etcd", "-name\n--cors=*\ny", "1Gi")
	f.Fuzz(func(t *testing.T, name, line, value string) {
		words := strings.Split(line, "\n")
		c, ok := Of(name, value)
		if !ok {
			c, _ = Of("kubelet", value)
		}
		n := 0
		for _, a := range c.Parse(words) {
			n += a.Words
		}
		if n != len(words) {
			t.Errorf("%q: %d words of %d", words, n, len(words))
		}
		for _, x := range c.Flags() {
			_ = x.Check(value)
		}
		ReleaseOf(name).SetGates(value)
		Quantity(value)
	})
}

func FuzzTable(f *testing.F) {
	f.Add("versions v1.1.1 v1.2.3\nflag x \"a b\" default=\"\\n\" in=v1.1..v1.2\ngate A BETA true locked\nfield A b c\n")
	f.Fuzz(func(t *testing.T, data string) { newTable(data).of("v1.2") })
}

func BenchmarkOf(b *testing.B) {
	data := files()["schema.txt"]
	for b.Loop() {
		newTable(string(data)).of("v1.37")
	}
}
