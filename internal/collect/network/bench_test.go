package network

import (
	"context"
	"fmt"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// BenchmarkPods reads 250 pods, each in a namespace of its own.
func BenchmarkPods(b *testing.B) {
	const pods = 250
	host := rtnltest.New(b)
	var places []place
	for i := range pods {
		ns := rtnltest.New(b)
		rtnltest.Veth(b, ns, "eth0", host, fmt.Sprintf("veth%d", i))
		rtnltest.Addr(b, ns, "eth0", fmt.Sprintf("10.4.%d.2/24", i))
		places = append(places, place{path: ns, namespace: "shop", pod: fmt.Sprint(i)})
	}
	e := source.New("/", true)
	for b.Loop() {
		if got := readAll(context.Background(), NewKernel(e), places); len(got) != pods {
			b.Fatalf("%d of %d were read: %v", len(got), pods, e.Gaps())
		}
	}
}
