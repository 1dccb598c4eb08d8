package registrymirror

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	hosts  = "/etc/containerd/certs.d/a.io/hosts.toml"
	config = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n"
)

// waiting is a pod of node cp1 that waits for an image.
func waiting(image, message string) snapshot.Pod {
	return snapshot.Pod{Namespace: "shop", Name: "cart", Node: "cp1", Phase: "Pending", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{
		{Name: "main", Image: image, State: "waiting", Reason: "ImagePullBackOff", Message: message}}}}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.File("/etc/containerd/config.toml", op.File{Data: []byte(config), Mode: 0o644}),
		faulttest.Broken(func(m *faulttest.Machine) {
			if err := m.WriteFile(hosts, op.File{Data: []byte("server = \"https://127.0.0.1:5443\"\n"), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			m.World.Cluster.Pods = append(m.World.Cluster.Pods, waiting("a.io/x:1", `Head "https://127.0.0.1:5443/v2/x/manifests/1": connection refused`))
		}))
}

func TestDetect(t *testing.T) {
	const dead = `Head "https://m.local/v2/x/manifests/1?ns=a.io": dial tcp: lookup m.local: no such host`
	for name, tc := range map[string]struct {
		text, image, said string
		want              string
	}{
		"no mirror":              {"", "a.io/x:1", "a.io/x:1: not found", ""},
		"a mirror that is alive": {"[host.'https://m.local']\n", "a.io/x:1", "", ""},
		"passed over":            {"[host.'https://m.local']\n", "a.io/x:1", `Head "https://a.io/v2/x/manifests/1": no such host`, ""},
		"of another registry":    {"[host.'https://m.local']\n", "b.io/x:1", `Head "https://b.io/v2/": no such host`, ""},
		"the registry itself":    {"server = 'https://a.io'\n", "a.io/x:1", `Head "https://a.io/v2/": no such host`, ""},
		"a mirror that fails":    {"[host.'https://m.local']\n", "a.io/x:1", dead, hosts + ":1 sends pulls from a.io to m.local"},
		"a foreign server":       {"server = 'https://m.local'\n", "a.io/x:1", dead, hosts + ":1 sends pulls from a.io to m.local"},
	} {
		opts := []faulttest.Option{faulttest.File("/etc/containerd/config.toml", op.File{Data: []byte(config), Mode: 0o644})}
		if tc.text != "" {
			opts = append(opts, faulttest.File(hosts, op.File{Data: []byte(tc.text), Mode: 0o644}))
		}
		s := faulttest.New(t, opts...).Snapshot()
		if tc.said != "" {
			s.Cluster.Pods = append(s.Cluster.Pods, waiting(tc.image, tc.said))
		}
		found := detect(s)
		got := ""
		if len(found) > 0 {
			got = found[0].Summary
		}
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
