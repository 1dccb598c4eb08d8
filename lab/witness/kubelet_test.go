package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/component"
)

// admin is kubectl with the cluster's own credentials, in the control plane.
const admin = "kubectl --kubeconfig /etc/kubernetes/admin.conf "

// testKubelet compares the kubelet's settings with what the kubelet itself
// says through the API, its command line with systemd's, and its version.
func testKubelet(ctx context.Context, t *testing.T, n Node) {
	k := n.Snapshot.Kubelet
	if k == nil {
		t.Fatal("not collected")
	}
	version, err := n.Lines(ctx, "kubelet --version")
	if err != nil || len(version) != 1 || version[0] != "Kubernetes "+k.Version {
		t.Errorf("version %q, the kubelet says %v %v", k.Version, version, err)
	}
	start, err := n.Lines(ctx, `systemctl show kubelet -p ExecStart --value; systemctl show kubelet -p DropInPaths -p FragmentPath --value | tr ' ' '\n'`)
	if err != nil || len(start) < 2 {
		t.Fatal(start, err)
	}
	same(t, "unit files", slices.DeleteFunc(slices.Clone(k.Start.Files), func(s string) bool { return !strings.Contains(s, "/systemd/") }), start[1:])
	cmdline, err := n.Lines(ctx, `tr '\0' '\n' < /proc/$(systemctl show kubelet -p MainPID --value)/cmdline`)
	if err != nil {
		t.Fatal(err)
	}
	var next []string
	for _, w := range k.Start.Words {
		next = append(next, w.Text)
	}
	if !slices.Equal(k.Args, cmdline) || !slices.Equal(next, cmdline) {
		t.Errorf("runs %q, next %q, systemd started %q", k.Args, next, cmdline)
	}
	if len(k.Problems) > 0 || len(k.Start.Differs) > 0 || len(k.Stale) > 0 {
		t.Errorf("a healthy kubelet has problems: %+v, %+v, %v", k.Problems, k.Start.Differs, k.Stale)
	}
	for _, s := range k.States {
		if s.Error != "" || s.Sum == "wrong" {
			t.Errorf("%+v", s)
		}
	}
	if k.Server == nil || k.Server.Status != 401 {
		t.Errorf("server %+v", k.Server)
	}
	configz(ctx, t, n)
	helpOf(ctx, t, n, "kubelet")
}

// configz compares key by key with what the kubelet runs with.
func configz(ctx context.Context, t *testing.T, n Node) {
	k := n.Snapshot.Kubelet
	control := n
	control.Node = n.Control
	var said struct {
		Config map[string]any `json:"kubeletconfig"`
	}
	if err := control.JSON(ctx, admin+"get --raw /api/v1/nodes/"+n.Snapshot.Node+"/proxy/configz", &said); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	leaves(want, "", said.Config)
	for _, name := range []string{"kind", "apiVersion", "tlsCertFile", "tlsPrivateKeyFile"} { // the last two are made when it starts
		delete(want, name)
	}
	for key, value := range want {
		if got, ok := k.Effective[key]; got.Value != value && (ok || value != "false") {
			t.Errorf("%s is %q, the kubelet says %q", key, got.Value, value)
		}
	}
	for key, got := range k.Effective {
		// what is empty, or false, is left out of the answer
		if _, ok := want[key]; !ok && !strings.HasPrefix(key, "--") && got.Value != "" && got.Value != "false" && got.Value != "0" && got.Value != "{}" {
			t.Errorf("%s is %q, the kubelet does not say so", key, got.Value)
		}
	}
}

func leaves(into map[string]string, path string, tree map[string]any) {
	for key, value := range tree {
		key = strings.TrimPrefix(path+"."+key, ".")
		switch v := value.(type) {
		case map[string]any:
			if len(v) == 0 {
				into[key] = "{}"
			}
			leaves(into, key, v)
		case string:
			into[key] = v
		default:
			data, _ := json.Marshal(v)
			into[key] = string(data)
		}
	}
}

var helpFlag = regexp.MustCompile(`^ +(?:-[a-zA-Z], )?--([a-z0-9-]+)`)

// linked are flags of the kubelet's libraries, which the lab's kube-proxy has
// because it is one binary with the kubelet.
var linked = func() map[string]bool {
	all := map[string]bool{}
	for _, name := range strings.Fields(`allow-dynamic-housekeeping application-metrics-count-limit boot-id-file container-hints containerd containerd-namespace
		containerd-env-metadata-whitelist crio-client-timeout disable-root-cgroup-stats docker-only enable-load-reader event-storage-age-limit
		event-storage-event-limit global-housekeeping-interval housekeeping-interval initial-splay-factor jitter-factor log-cadvisor-usage
		machine-id-file max-housekeeping-interval referenced-reset-interval storage-driver-buffer-duration storage-driver-db storage-driver-host
		storage-driver-password storage-driver-secure storage-driver-table storage-driver-user update-machine-info-interval`) {
		all[name] = true
	}
	return all
}()

// helpOf compares the table of a component with what its help lists. The lab's
// programs are one binary that goes by its name.
func helpOf(ctx context.Context, t *testing.T, n Node, name string) {
	t.Helper()
	lines, err := n.Lines(ctx, fmt.Sprintf(`exec -a %s /usr/bin/kubelet --help 2>&1`, name))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, l := range lines {
		if m := helpFlag.FindStringSubmatch(l); m != nil && !slices.Contains(want, m[1]) && !(name == "kube-proxy" && linked[m[1]]) {
			want = append(want, m[1])
		}
	}
	c, _ := component.Of(name, n.Snapshot.Kubelet.Version)
	for _, f := range c.Flags() {
		if !f.Hidden {
			got = append(got, f.Name)
		}
	}
	if !c.Exact || len(want) < 20 {
		t.Errorf("%s: %d flags in its help, table %s", name, len(want), c.Version)
	}
	same(t, name+" --help", got, want)
}
