package kubelet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// put adds files to a node.
func put(t *testing.T, e *source.Env, files map[string]string) {
	t.Helper()
	for name, data := range files {
		sourcetest.File(t, e.Root, name, data, 0o644)
	}
}

func collected(t *testing.T, e *source.Env, s snapshot.Snapshot) *snapshot.Kubelet {
	t.Helper()
	if err := collect(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	return s.Kubelet
}

func TestEffective(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	put(t, e, map[string]string{
		"/etc/default/kubelet": "# more\nKUBELET_EXTRA_ARGS=\"--config-dir=/etc/kubelet.d --max-pods=7 --eviction-hard=memory.available<1Gi --max-pods=9\"\n",
		"/etc/kubelet.d/20-b.conf": "kind: KubeletConfiguration\nmaxPods: 5\nsyncFrequency: 0s\nevictionHard:\n  nodefs.available: 5%\n" +
			"featureGates:\n  NodeLogQuerry: true\nauthentication:\n  anonymous:\n    enabled: yes\n",
		"/etc/kubelet.d/10-a.conf":        "kind: KubeletConfiguration\nmaxPods: 4\nclusterDns: [1.2.3.4]\ncontainerLogMaxFiles: many\n",
		"/etc/kubelet.d/ignored":          "maxPods: 3\n",
		"/etc/kubelet.d/15-sub/deep.conf": "kind: KubeletConfiguration\npodPidsLimit: 77\ncgroupDriver: null\n",
	})
	k := collected(t, e, snapshot.Snapshot{})
	for key, want := range map[string]string{
		"podPidsLimit":                      "77 /etc/kubelet.d/15-sub/deep.conf:2 ",
		"maxPods":                           "9 /etc/default/kubelet:2 max-pods <7 /etc/default/kubelet:2 max-pods <5 /etc/kubelet.d/20-b.conf:2  <4 /etc/kubelet.d/10-a.conf:2 ",
		"syncFrequency":                     "1m0s default:0  <0s /etc/kubelet.d/20-b.conf:3 ",
		"cgroupDriver":                      "systemd /var/lib/kubelet/config.yaml:3 ",
		"evictionHard.memory.available":     "1Gi /etc/default/kubelet:2 eviction-hard",
		"evictionHard.nodefs.available":     " :0 ",
		"authentication.anonymous.enabled":  "true /etc/kubelet.d/20-b.conf:10 ",
		"--hostname-override":               "Node-7 /var/lib/kubelet/kubeadm-flags.env:1 hostname-override",
		"containerRuntimeEndpoint":          "unix:///run/other.sock /var/lib/kubelet/kubeadm-flags.env:1 container-runtime-endpoint",
		"clusterDNS":                        `["10.96.0.10"] /var/lib/kubelet/config.yaml:5 `,
		"registryPullQPS":                   "5 default:0 ",
		"authentication.webhook.cacheTTL":   "2m0s default:0 ",
		"staticPodPath":                     "/etc/kubernetes/manifests /var/lib/kubelet/config.yaml:6 ",
		"logging.options.text.splitStream2": " :0 ",
	} {
		got := origin(k.Effective[key].Origin)
		for _, o := range k.Effective[key].Overrides {
			got += " <" + origin(o)
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", key, got, want)
		}
	}
	var problems []string
	for _, p := range k.Problems {
		problems = append(problems, p.Kind+" "+p.Path+" "+filepath.Base(p.Source)+" "+p.Nearest)
	}
	want := "unknown-field clusterDns 10-a.conf clusterDNS; wrong-type containerLogMaxFiles 10-a.conf ; unknown-gate featureGates.NodeLogQuerry 20-b.conf NodeLogQuery"
	if got := strings.Join(problems, "; "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if len(k.Start.Missing) != 0 || len(k.Start.Files) != 4 || k.Start.Words[len(k.Start.Words)-1].Text != "--max-pods=9" {
		t.Errorf("%+v", k.Start)
	}
}

// TestLegible: of a file that does not parse the entries that do are read, and
// where they stand.
func TestLegible(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	put(t, e, map[string]string{"/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nauthentication:\n\tanonymous:\n    enabled: false\nclusterDNS:\n- 1.2.3.4\nmaxPods: 4\nstaticPodPath: /etc/pods"})
	k := collected(t, e, snapshot.Snapshot{})
	pods := k.Effective["staticPodPath"]
	if k.ConfigErr == "" || k.StaticPodPath != "/etc/pods" || pods.Line != 8 || !slices.Equal(k.ClusterDNS, []string{"1.2.3.4"}) || k.Effective["maxPods"].Value != "4" {
		t.Errorf("%q, %+v, %v", k.ConfigErr, pods, k.ClusterDNS)
	}
	if len(k.Problems) > 0 {
		t.Errorf("what does not parse is checked: %+v", k.Problems)
	}
}

func FuzzLegible(f *testing.F) {
	f.Add("a: 1\nb: {\nc: 3\n")
	f.Add("a:\n\tb: 1\n- c\n---\nd: &x [*x]")
	f.Fuzz(func(t *testing.T, text string) {
		out := legible([]byte(text))
		if strings.Count(string(out), "\n") != strings.Count(text, "\n") || len(out) > len(text) {
			t.Errorf("%q became %q", text, out)
		}
	})
}

// TestPadded: files are longer than what is kept of them, and are read all the
// same.
func TestPadded(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	pad := strings.Repeat("# padding\n", source.DefaultText/8)
	put(t, e, map[string]string{
		"/var/lib/kubelet/config.yaml":       pad + "kind: KubeletConfiguration\nmaxPods: 4\nclusterDNS: [1.2.3.4]\n",
		"/etc/kubernetes/manifests/pad.yaml": pad + "apiVersion: v1\nkind: Pod\nmetadata: {name: padded}\nspec: {containers: [{name: a, image: b}]}\n",
		"/etc/kubernetes/manifests/big.yaml": strings.Repeat(pad, 13) + "kind: Pod\n",
	})
	k := collected(t, e, snapshot.Snapshot{})
	if k.ConfigErr != "" || k.Effective["maxPods"].Value != "4" || !k.Config.Truncated || len(k.Config.Content) > source.DefaultText {
		t.Errorf("%q, %+v, %d bytes kept", k.ConfigErr, k.Effective["maxPods"], len(k.Config.Content))
	}
	s := snapshot.Snapshot{Kubelet: &snapshot.Kubelet{StaticPodPath: kubeadmStatic}}
	if err := collectStatic(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Static.Manifests {
		switch filepath.Base(m.Path) {
		case "pad.yaml":
			if m.Error != "" || m.Name != "padded" || !m.Truncated || len(m.Content) > source.DefaultText {
				t.Errorf("%q %q, %d bytes kept", m.Name, m.Error, len(m.Content))
			}
		case "big.yaml":
			if g := e.Gaps(); m.Error != "" || len(g) != 1 || g[0].Source != m.Path {
				t.Errorf("%q, %+v", m.Error, g)
			}
		}
	}
}

// TestSecrets: neither values nor what they override nor what the next start
// changes holds a login.
func TestSecrets(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	put(t, e, map[string]string{
		"/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nstaticPodURL: https://me:hunter2hunter2@host/x\nstaticPodURLHeader:\n  Authorization: [Digest hunter2hunter2]\n",
		"/etc/kubelet.d/a.conf":        "kind: KubeletConfiguration\nstaticPodURL: https://me:hunter2hunter3@host/x\nstaticPodURLHeader:\n  Authorization: [Digest hunter2hunter3]\n",
	})
	args := []string{"kubelet", "--config=/var/lib/kubelet/config.yaml", "--config-dir=/etc/kubelet.d"}
	k := collected(t, e, snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 7, Name: "kubelet", Args: args}}}})
	data, err := json.Marshal(k)
	if err != nil || len(k.Effective["staticPodURLHeader.Authorization"].Overrides) != 1 || len(k.Start.Differs) < 2 {
		t.Fatalf("%v, %+v, %+v", err, k.Effective["staticPodURLHeader.Authorization"], k.Start.Differs)
	}
	if i := strings.Index(string(data), "hunter2"); i >= 0 {
		t.Errorf("a login is kept: %s", data[max(0, i-200):i+20])
	}
}

// TestMergeKeys: what stands in << is read as if it stood in the mapping.
func TestMergeKeys(t *testing.T) {
	m := ParseManifest([]byte("apiVersion: v1\nkind: Pod\nmetadata: &m\n  name: a\nspec:\n  hostNetwork: true\n  containers:\n  - &c\n    name: a\n    image: b\n"+
		"    command: [etcd, --data-dir=/x]\n  - <<: *c\n    name: b\n  - <<: [{name: c}, *c]\n"), "v1.37.0")
	if len(m.Problems) != 0 || m.Error != "" || len(m.Containers) != 3 {
		t.Fatalf("%q %+v", m.Error, m.Problems)
	}
	for i, name := range []string{"a", "b", "c"} {
		if c := m.Containers[i]; c.Name != name || c.Image != "b" || len(c.Flags) != 1 {
			t.Errorf("%+v", c)
		}
	}
	m = ParseManifest([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  terminationGracePeriodSeconds: 9999999999\n  priority: 9999999999\n  containers: [{name: a, image: b}]\n"), "")
	if len(m.Problems) != 1 || m.Problems[0].Path != "spec.priority" {
		t.Errorf("%+v", m.Problems)
	}
}

func origin(o snapshot.Origin) string {
	return o.Value + " " + o.Source + ":" + strconv.Itoa(o.Line) + " " + o.Flag
}

func TestNextStart(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	s := snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{
		PID: 7, Name: "kubelet", Args: []string{"/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--node-ip=10.0.0.1", "--hostname-override=Node-7", "--max-podds=3", "x"},
	}}}}
	k := collected(t, e, s)
	var got []string
	for _, d := range k.Start.Differs {
		got = append(got, d.Key+"="+d.Running+">"+d.Next.Value)
	}
	want := "--bootstrap-kubeconfig=>/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=>/etc/kubernetes/kubelet.conf --max-podds=3> --node-ip=10.0.0.1> " +
		"containerRuntimeEndpoint=unix:///run/containerd/containerd.sock>unix:///run/other.sock"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q", got)
	}
	if o := k.Effective["--node-ip"]; o.Source != "argv" {
		t.Errorf("%+v", o)
	}
	if len(k.Problems) != 2 || k.Problems[0].Nearest != "--max-pods" || k.Problems[1].Path != "x" {
		t.Errorf("%+v", k.Problems)
	}
	if len(k.Names) != 1 || k.Names[0].Name != "node-7" || !k.Names[0].Used {
		t.Errorf("%+v", k.Names)
	}
}

func TestWithoutConfiguration(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	s := snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 7, Name: "kubelet", Args: []string{"kubelet"}}}}}
	k := collected(t, e, s)
	if k.Effective["authentication.anonymous.enabled"].Value != "true" || k.Effective["authorization.mode"].Value != "AlwaysAllow" {
		t.Errorf("%+v", k.Effective["authorization.mode"])
	}
}

func TestManifestProblems(t *testing.T) {
	text := `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  labels: {tier: control-plane, replicas: 3}
spec:
  hostnetwork: true
  hostNetwork: "true"
  priority: 1
  priority: 2
  containers:
  - name: a
    image: registry.k8s.io/kube-apiserver:v1.37.2
    command:
    - kube-apiserver
    - --etcd-servers=https://127.0.0.1:2379
    - --etcd-server=https://127.0.0.1:2379
    - --secure-port=6443x
    - --request-timeout=30s
    - --request-timeout=60s
    - --feature-gates=Nonsense=true
    resources: {requests: {cpu: 250mm}}
    livenessProbe:
      httpGet: {host: 127.0.0.1, path: /livez, port: api, scheme: HTTPS}
      failureThreshold: 8
    ports: [{name: api, containerPort: 6443}]
---
kind: Pod
`
	m := ParseManifest([]byte(text), "v1.37.0")
	var got []string
	for _, p := range m.Problems {
		got = append(got, p.Kind+" "+p.Path+" "+p.Nearest)
	}
	want := "wrong-type metadata.labels.replicas ; unknown-field spec.hostnetwork hostNetwork; wrong-type spec.hostNetwork ; duplicate-key spec.priority ; bad-value spec.containers[0].resources.requests.cpu "
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
	if m.Documents != 2 || m.Problems[1].Line != 7 || m.Problems[1].Column != 3 {
		t.Errorf("%d documents, %+v", m.Documents, m.Problems)
	}
	c := m.Containers[0]
	got = nil
	for _, f := range c.Flags {
		if f.Problem != "" || f.Again {
			got = append(got, f.Name+" "+f.Problem+" "+f.Nearest)
		}
	}
	want = `etcd-server is no flag of kube-apiserver v1.37 etcd-servers; secure-port "6443x" is no int: invalid syntax ; request-timeout  ; feature-gates no feature gate "Nonsense" in v1.37 `
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
	if p := c.Probes[0]; p.Number != 6443 || p.Scheme != "HTTPS" || p.Failure != 8 || c.FlagTable.From != "image" || !c.FlagTable.Exact {
		t.Errorf("%+v %+v", p, c.FlagTable)
	}
}

func TestState(t *testing.T) {
	for _, c := range []struct{ text, sum, err string }{
		{`{"policyName":"none","defaultCpuSet":"","checksum":1353318690,"data":"{\"policyName\":\"none\",\"defaultCpuSet\":\"\"}","dataChecksum":3028111495}`, "ok", ""},
		{`{"policyName":"none","defaultCpuSet":"","checksum":1353318690,"data":"{\"policyName\":\"static\",\"defaultCpuSet\":\"\"}","dataChecksum":3028111495}`, "wrong", ""},
		{`{"Data":"{\"kind\":\"DRACheckpoint\",\"apiVersion\":\"checkpoint.dra.kubelet.k8s.io/v1\",\"ClaimInfoStateList\":[]}","Checksum":2361995144}`, "ok", ""},
		{`{"policyName":"none","checksum":1}`, "", ""},
		{`{"policyName":"no`, "", "is no JSON: unexpected end of JSON input"},
		{"", "", "is no JSON: unexpected end of JSON input"},
	} {
		if x := parseState([]byte(c.text)); x.Sum != c.sum || x.Error != c.err {
			t.Errorf("%s: %+v", c.text, x)
		}
	}
}

func TestMountedAt(t *testing.T) {
	const mounts = "22 1 8:1 / / rw - ext4 /dev/vda rw\n40 22 0:33 / /etc/kubernetes/manifests rw - tmpfs tmpfs rw\nshort\n"
	if !mountedAt(mounts, "/etc/kubernetes/manifests") || mountedAt(mounts, "/etc/kubernetes") {
		t.Error("mounts")
	}
}

func TestPackageVersion(t *testing.T) {
	status := "Package: kubectl\nVersion: 1.36.1-1.1\n\nPackage: kubelet\nStatus: install ok installed\nVersion: 1.37.2-1.1\n\n"
	if v := packageVersion(status, "kubelet"); v != "1.37.2" {
		t.Error(v)
	}
	if v := packageVersion(status, "other"); v != "" {
		t.Error(v)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("kind: KubeletConfiguration\nmaxPods: 0\nevictionHard: {a.b: 1}\n", "--max-pods=3 --eviction-hard=a<b -v4")
	f.Add(`{"data":"x","checksum":1}`, "--feature-gates=A=true")
	f.Fuzz(func(t *testing.T, data, line string) {
		e := source.New(t.TempDir(), false)
		if err := os.MkdirAll(filepath.Join(e.Root, "etc"), 0o755); err != nil {
			t.Skip()
		}
		if err := os.WriteFile(filepath.Join(e.Root, "etc/c"), []byte(data), 0o644); err != nil {
			t.Skip()
		}
		k := &snapshot.Kubelet{}
		list := []snapshot.Word{{Text: "--config=/etc/c"}}
		for _, w := range words(line) {
			list = append(list, snapshot.Word{Text: w})
		}
		settle(k, newLoader(e, k).load(list, true))
		parseState([]byte(data))
		packageVersion(data, line)
		component.Nearest(data, []string{line})
	})
}
