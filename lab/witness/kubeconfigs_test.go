package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// testKubeconfigs compares what was read of each kubeconfig with what kubectl
// makes of it, and which files were found with a search of all of the node.
func testKubeconfigs(ctx context.Context, t *testing.T, n Node) {
	k := n.Snapshot.Kubeconfigs
	if k == nil {
		t.Fatal("not collected")
	}
	var found []string
	for _, f := range append(k.Files, k.Others...) {
		found = append(found, f.Path)
		var want struct {
			Current  string `json:"current-context"`
			Clusters []struct {
				Name    string `json:"name"`
				Cluster struct {
					Server   string `json:"server"`
					Insecure bool   `json:"insecure-skip-tls-verify"`
				} `json:"cluster"`
			} `json:"clusters"`
			Contexts []struct {
				Name    string `json:"name"`
				Context struct {
					Cluster string `json:"cluster"`
					User    string `json:"user"`
				} `json:"context"`
			} `json:"contexts"`
			Users []struct {
				Name string `json:"name"`
			} `json:"users"`
		}
		if err := n.JSON(ctx, "kubectl config view -o json --kubeconfig "+f.Path, &want); err != nil {
			t.Fatal(err)
		}
		got, expect := []string{f.Current}, []string{want.Current}
		for _, c := range f.Clusters {
			got = append(got, fmt.Sprint(c.Name, c.Server, c.Insecure))
		}
		for _, c := range want.Clusters {
			expect = append(expect, fmt.Sprint(c.Name, c.Cluster.Server, c.Cluster.Insecure))
		}
		for _, c := range f.Contexts {
			got = append(got, fmt.Sprint(c.Name, c.Cluster, c.User))
		}
		for _, c := range want.Contexts {
			expect = append(expect, fmt.Sprint(c.Name, c.Context.Cluster, c.Context.User))
		}
		for _, u := range f.Users {
			got = append(got, u.Name)
		}
		for _, u := range want.Users {
			expect = append(expect, u.Name)
		}
		same(t, f.Path, got, expect)
		if len(f.Odd) > 0 {
			t.Errorf("%s: got oddities %+v", f.Path, f.Odd)
		}
	}
	want, err := n.Lines(ctx, `grep -lsEI '^kind: *Config$' -r /etc /root /home /opt /srv /var/lib/kubelet/*.* 2>/dev/null | while read -r f; do if grep -q '^clusters:' "$f"; then echo "$f"; fi; done`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "files", found, want)
	var plugins []string
	for _, p := range k.Plugins {
		if p.Kind != "completion" {
			plugins = append(plugins, p.Binary.Path)
		}
	}
	lines, err := n.Lines(ctx, "kubectl plugin list 2>/dev/null | grep ^/ || true")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "plugins of kubectl", plugins, lines)
	count, err := n.Lines(ctx, "find /root/.kube/cache -type f 2>/dev/null | wc -l")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, c := range k.Caches {
		files += c.Files
	}
	if strings.Join(count, "") != fmt.Sprint(files) {
		t.Errorf("cache: got %d files, find shows %v", files, count)
	}
}
