package boot

import (
	"strings"
	"testing"
)

func TestTellingKeepsErrors(t *testing.T) {
	const info = "Nov 22 cp1 kubelet[1]: I1122 all is well"
	const bad = "Nov 22 cp1 kubelet[1]: E1122 no network"
	const runtime = `Nov 22 cp1 containerd[2]: time="x" level=info msg="loading"`
	for _, c := range []struct{ name, in, want string }{
		{"errors among information", info + "\n" + bad + "\n" + runtime, bad},
		{"information alone", info + "\n" + runtime, info + "\n" + runtime},
		{"the last ones", strings.Repeat("x\n", 5) + "y\nz", "y\nz"},
		{"nothing", "", ""},
	} {
		if got := telling(c.in, 2); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := telling(strings.Repeat("x", 1000), 1); len(got) != 320 {
		t.Errorf("a line of %d bytes is not cut", len(got))
	}
}
