package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// testLoader compares the cache with ldconfig -p and the owners with dpkg -S.
func testLoader(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Loader
	if x == nil {
		t.Fatal("not collected")
	}
	lines, err := n.Lines(ctx, `ldconfig -p | tail -n +2 | grep -v '^Cache'`)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != x.Cached {
		t.Errorf("the cache has %d entries, ldconfig shows %d", x.Cached, len(lines))
	}
	shown := map[string]bool{}
	for _, l := range lines {
		name, path, _ := strings.Cut(strings.TrimSpace(l), " => ")
		name, _, _ = strings.Cut(name, " ")
		shown[name+" "+path] = true
	}
	for _, lib := range x.Libraries {
		if !shown[lib.Name+" "+lib.Path] {
			t.Errorf("%s => %s: ldconfig does not show it", lib.Name, lib.Path)
		}
		if lib.Sum == "" || lib.Target == "" {
			continue
		}
		if out, err := n.Lines(ctx, fmt.Sprintf(`dpkg -S '%s' 2>/dev/null || dpkg -S "$(echo '%s' | sed s,^/usr,,)"`, lib.Target, lib.Target)); err != nil || !strings.HasPrefix(out[0], lib.Package+":") {
			t.Errorf("%s: owner %s, dpkg -S shows %q", lib.Target, lib.Package, out)
		}
	}
}
