package witness

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
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
	"quiet":       testQuiet,
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
//
// A cluster goes on while it is looked at twice, so each comparison is a
// process of its own that may be made again, once, on a new collection. What
// was not collected is missing the second time as well.
func TestIntegrationWitness(t *testing.T) {
	c := needLab(t)
	for _, n := range []*lab.Node{c.ControlPlane(), c.Nodes()[len(c.Nodes())-1]} {
		for _, name := range slices.Sorted(maps.Keys(witnesses)) {
			t.Run(n.Name+"/"+name, func(t *testing.T) {
				out, err := one(t, c.Name, n.Name, name)
				if err != nil {
					t.Logf("once more, since a first comparison failed:\n%s", out)
					out, err = one(t, c.Name, n.Name, name)
				}
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// which names the witness that TestOneWitness is to run: LAB/NODE/NAME.
const which = "KLUSTERED_WITNESS"

// one runs a witness in a process of its own.
func one(t *testing.T, lab, node, name string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOneWitness$", "-test.v", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), which+"="+lab+"/"+node+"/"+name)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestOneWitness is what TestIntegrationWitness runs, again and again.
func TestOneWitness(t *testing.T) {
	w := strings.Split(os.Getenv(which), "/")
	if len(w) != 3 {
		t.Skip("run by TestIntegrationWitness")
	}
	c, err := lab.Open(t.Context(), w[0])
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Node(w[1])
	if err != nil {
		t.Fatal(err)
	}
	witnesses[w[2]](t.Context(), t, look(t, Node{Node: n, Control: c.ControlPlane()}))
}

// look collects a node anew: a cluster changes by the minute, and what is
// compared should be of one moment.
func look(t *testing.T, n Node) Node {
	t.Helper()
	seen, err := Collect(t.Context(), n.Node, binary)
	if err != nil {
		t.Fatal(err)
	}
	seen.Control = n.Control
	return seen
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
