package witness

import (
	"context"
	"fmt"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// testCNI compares the addresses that were given with the files of host-local,
// and the sums of the plugins with those of sha256sum.
func testCNI(ctx context.Context, t *testing.T, n Node) {
	c := n.Snapshot.CNI
	if c == nil {
		t.Fatal("not collected")
	}
	var given []string
	for _, x := range c.IPAM {
		if x.Leaked > 0 || len(x.Others) > 0 || x.Config == "" {
			t.Errorf("network %s: got %+v", x.Name, x)
		}
		for _, a := range x.Addresses {
			given = append(given, fmt.Sprintf("%s/%s %s %s", x.Dir, a.IP, a.Container, a.Interface))
			if a.Known != snapshot.Yes || a.Outside {
				t.Errorf("address: got %+v", a)
			}
		}
		for _, r := range x.Ranges {
			if r.Total != r.Free+uint64(x.Used) {
				t.Errorf("range: got %+v with %d used", r, x.Used)
			}
		}
	}
	want, err := n.Lines(ctx, `for f in $(ls -d /var/lib/cni/networks/*/[0-9]* 2>/dev/null); do echo "$f $(tr -d '\r' < "$f" | tr '\n' ' ')" | sed 's/ *$//'; done`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "addresses", given, want)
	var plugins, sums []string
	for _, b := range c.Plugins {
		plugins = append(plugins, b.Path)
		if b.SHA256 != "" {
			sums = append(sums, b.SHA256+"  "+b.Path)
		}
	}
	if want, err = n.Lines(ctx, "find /opt/cni/bin -mindepth 1 -maxdepth 1"); err != nil {
		t.Fatal(err)
	}
	same(t, "plugins", plugins, want)
	all, err := n.Lines(ctx, "sha256sum /opt/cni/bin/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sums {
		found := false
		for _, w := range all {
			found = found || w == s
		}
		if !found {
			t.Errorf("sum %s is not that of sha256sum", s)
		}
	}
}
