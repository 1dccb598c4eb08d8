package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func testNames(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Names
	if x == nil {
		t.Fatal("not collected")
	}
	var got []string
	for _, h := range x.Hosts {
		got = append(got, fmt.Sprintf("%d %s %s", h.Line, h.Address, strings.Join(h.Names, " ")))
	}
	want, err := n.Lines(ctx, `sed 's/#.*//' /etc/hosts | awk 'NF { n = $2; for (i = 3; i <= NF; i++) n = n " " $i; print NR, $1, n }'`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "hosts", got, want)
	got = nil
	for _, h := range x.Hosts {
		for _, name := range h.Names {
			if !strings.Contains(h.Address, ":") {
				got = append(got, h.Address+" "+name)
			}
		}
	}
	if want, err = n.Lines(ctx, `getent -s files ahostsv4 localhost | awk 'NR == 1 { print $1, "localhost" }'; getent -s files hosts | awk '$1 !~ /:/ && $1 != "127.0.0.1" { for (i = 2; i <= NF; i++) print $1, $i }'`); err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			found = found || g == w
		}
		if !found {
			t.Errorf("hosts: %q is resolved and was not collected in %q", w, got)
		}
	}
	for _, r := range x.Resolvers {
		var got []string
		for _, list := range [][]snapshot.ConfLine{r.Servers, r.Search, r.Options} {
			for _, l := range list {
				got = append(got, fmt.Sprintf("%d %s %s", l.Line, l.Key, l.Value))
			}
		}
		want, err := n.Lines(ctx, `awk '/^(nameserver|search|domain|options|sortlist)[ \t]/ { $1 = $1; print NR, $0 }' `+r.Path)
		if err != nil {
			t.Fatal(err)
		}
		same(t, r.Path, got, want)
	}
	got = nil
	for _, l := range x.Switch {
		got = append(got, fmt.Sprintf("%s %s", l.Key, l.Value))
	}
	if want, err = n.Lines(ctx, `sed 's/#.*//; s/:/ /' /etc/nsswitch.conf | awk 'NF { $1 = $1; print }'`); err != nil {
		t.Fatal(err)
	}
	same(t, "nsswitch.conf", got, want)
}
