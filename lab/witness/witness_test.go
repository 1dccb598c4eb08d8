package witness

import (
	"context"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/lab/progress"
)

// binary is klustered as make build leaves it.
const binary = "../../bin/klustered"

// witnesses compare one section each, on a control plane and on a worker.
// Each lies in the file named for its section.
var witnesses = map[string]func(context.Context, *testing.T, Node){
	"cluster":     testCluster,
	"etcd":        testEtcd,
	"objects":     testObjects,
	"cgroups":     testCgroups,
	"host":        testHost,
	"logs":        testLogs,
	"journal":     testJournal,
	"trail":       testTrail,
	"sysctls":     testSysctls,
	"runtime":     testRuntime,
	"containerd":  testContainerd,
	"pki":         testPKI,
	"descriptors": testDescriptors,
	"locks":       testLocks,
	"modules":     testModules,
	"users":       testUsers,
	"bpf":         testBPF,
	"kernel":      testKernel,
	"processes":   testProcesses,
	"activity":    testActivity,
	"view":        testView,
	"programs":    testPrograms,
	"clock":       testClock,
	"kubelet":     testKubelet,
	"static":      testStatic,
	"storage":     testStorage,
	"limits":      testLimits,
	"cni":         testCNI,
	"kubeconfigs": testKubeconfigs,
	"network":     testNetwork,
	"sockets":     testSockets,
	"probes":      testProbes,
	"names":       testNames,
	"systemd":     testSystemd,
	"persistence": testPersistence,
	"shell":       testShell,
	"access":      testAccess,
	"loader":      testLoader,
	"files":       testFiles,
}

// TestIntegrationWitness boots a lab and compares every section with what the
// node's own tools show. KLUSTERED_WITNESS_LAB names a lab that is up already,
// which is left as it is.
func TestIntegrationWitness(t *testing.T) {
	c := needLab(t)
	for _, n := range []*lab.Node{c.ControlPlane(), c.Nodes()[len(c.Nodes())-1]} {
		seen, err := Collect(t.Context(), n, binary)
		if err != nil {
			t.Fatal(err)
		}
		seen.Control = c.ControlPlane()
		for _, name := range slices.Sorted(maps.Keys(witnesses)) {
			t.Run(n.Name+"/"+name, func(t *testing.T) { witnesses[name](t.Context(), t, seen) })
		}
	}
}

// needLab is the lab to look at.
func needLab(t *testing.T) *lab.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a lab")
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("cannot find %s: make build makes it", binary)
	}
	ctx := t.Context()
	if name := os.Getenv("KLUSTERED_WITNESS_LAB"); name != "" {
		c, err := lab.Open(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, err := lab.Up(ctx, lab.Config{Name: "witness", Workers: 1}, testLog{t})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := c.Down(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// testLog reports steps in the test's own log.
type testLog struct{ t *testing.T }

func (l testLog) Start(step string) func(error) {
	began := time.Now()
	return func(err error) { l.t.Logf("%s: %.1fs %v", step, time.Since(began).Seconds(), err) }
}

var _ progress.Progress = testLog{}

// same reports what of got and want differs.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	for _, x := range want {
		if !slices.Contains(got, x) {
			t.Errorf("%s: %q is shown by the node's tool and was not collected", what, x)
		}
	}
	for _, x := range got {
		if !slices.Contains(want, x) {
			t.Errorf("%s: %q was collected and is not shown by the node's tool", what, x)
		}
	}
}
