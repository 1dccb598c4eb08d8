package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/progress"
)

// testLogs reports steps in the test's own log.
type testLogs struct{ t *testing.T }

func (l testLogs) Start(step string) func(error) {
	began := time.Now()
	return func(err error) { l.t.Logf("%s: %.1fs %v", step, time.Since(began).Seconds(), err) }
}

var _ progress.Progress = testLogs{}

func TestIntegrationLab(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a real cluster")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Minute)
	defer cancel()
	const name = "lab-test"
	p := testLogs{t}
	c, err := Up(ctx, Config{Name: name, Workers: 1}, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { downLeavesNothing(t, name) })
	if c, err = Open(ctx, name); err != nil {
		t.Fatal(err)
	}
	t.Run("a second lab of that name is refused", func(t *testing.T) {
		if _, err := Up(ctx, Config{Name: name}, p); !errors.Is(err, ErrExists) {
			t.Errorf("got %v, want ErrExists", err)
		}
	})
	t.Run("exec keeps argv and stderr", func(t *testing.T) { testExec(ctx, t, c) })
	t.Run("files", func(t *testing.T) { testFiles(ctx, t, c) })
	t.Run("pod to pod", func(t *testing.T) { testPodToPod(ctx, t, c) })
	t.Run("a node comes back", func(t *testing.T) { testRestart(ctx, t, c) })
	t.Run("reset", func(t *testing.T) { testReset(ctx, t, c, p) })
	t.Run("two side by side", func(t *testing.T) { testSecond(ctx, t, c, p) })
}

func testExec(ctx context.Context, t *testing.T, c *Cluster) {
	for _, n := range c.Nodes() {
		out, err := n.Exec(ctx, "hostname")
		if err != nil || strings.TrimSpace(string(out)) != n.Name {
			t.Errorf("got %q, %v; want %q", out, err, n.Name)
		}
	}
	_, err := c.ControlPlane().Exec(ctx, "sh", "-c", "echo wrong >&2; exit 3")
	var failed *engine.CommandError
	if !errors.As(err, &failed) || failed.Code != 3 || !strings.Contains(failed.Stderr, "wrong") || failed.Argv[0] != "sh" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Kubeconfig(ctx); err != nil {
		t.Error(err)
	}
}

func testFiles(ctx context.Context, t *testing.T, c *Cluster) {
	n := c.ControlPlane()
	if err := n.WriteFile(ctx, "/srv/new folder/f", []byte("two\nlines\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	got, err := n.ReadFile(ctx, "/srv/new folder/f")
	if err != nil || string(got) != "two\nlines\n" {
		t.Errorf("got %q, %v", got, err)
	}
	mode, err := n.Exec(ctx, "stat", "-c", "%a", "/srv/new folder/f")
	if err != nil || strings.TrimSpace(string(mode)) != "640" {
		t.Errorf("mode is %q, %v", mode, err)
	}
}

// testPodToPod asks every back from every node: some answers cross the network.
func testPodToPod(ctx context.Context, t *testing.T, c *Cluster) {
	api, err := c.API(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	var pods struct {
		Items []struct {
			Spec   struct{ NodeName string }
			Status struct{ PodIP string }
		}
	}
	if err := api.Read(ctx, "/api/v1/namespaces/canary/pods?labelSelector=app%3Dback", &pods); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, pod := range pods.Items {
		seen[pod.Spec.NodeName] = true
		for _, n := range c.Nodes() {
			out, err := n.Exec(ctx, "curl", "-sS", "--max-time", "5", "http://"+pod.Status.PodIP+":8080/healthz")
			if err != nil || string(out) != "ok\n" {
				t.Errorf("from %s to a pod of %s: %q, %v", n.Name, pod.Spec.NodeName, out, err)
			}
		}
	}
	if len(seen) != len(c.Nodes()) {
		t.Errorf("the backs are on %v, want one on each node", seen)
	}
}

func testRestart(ctx context.Context, t *testing.T, c *Cluster) {
	n := c.Nodes()[1]
	if _, err := n.Exec(ctx, "touch", "/run/gone", "/srv/kept"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := n.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitHealthy(ctx, 3*time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("node restarted and healthy in %.1fs", time.Since(began).Seconds())
	if _, err := n.Exec(ctx, "sh", "-c", "test -e /srv/kept && test ! -e /run/gone"); err != nil {
		t.Errorf("what is kept and what is not: %v", err)
	}
}

func testReset(ctx context.Context, t *testing.T, c *Cluster, p Progress) {
	if _, err := c.Nodes()[1].Exec(ctx, "chattr", "+i", "/var/lib/kubelet"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Reset(ctx, p); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("reset in %.1fs", took.Seconds())
	if took > 90*time.Second {
		t.Errorf("reset took %s, want well under a minute", took)
	}
	if _, err := c.Nodes()[1].Exec(ctx, "test", "!", "-e", "/srv/kept"); err != nil {
		t.Errorf("reset kept what was done to the node: %v", err)
	}
}

func testSecond(ctx context.Context, t *testing.T, first *Cluster, p Progress) {
	const name = "lab-test-2"
	second, err := Up(ctx, Config{Name: name}, p)
	if err != nil {
		t.Fatal(err)
	}
	defer downLeavesNothing(t, name)
	for _, c := range []*Cluster{first, second} {
		if err := c.WaitHealthy(ctx, 2*time.Minute); err != nil {
			t.Errorf("lab %s: %v", c.Name, err)
		}
	}
	if first.ControlPlane().Address == second.ControlPlane().Address {
		t.Error("both labs have the same addresses")
	}
}

func downLeavesNothing(t *testing.T, name string) {
	ctx := context.Background()
	if err := Down(ctx, name); err != nil {
		t.Error(err)
		return
	}
	if _, err := Open(ctx, name); !errors.Is(err, ErrNotFound) {
		t.Errorf("opening a lab that is down: %v", err)
	}
	e, err := engine.Find(ctx)
	if err != nil {
		t.Fatal(err)
	}
	left, err := (&Cluster{Name: name, engine: e}).parts(ctx)
	if err != nil || !left.empty() {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}

func TestIntegrationCancelledUpLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("boots half a cluster")
	}
	const name = "lab-test-3"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := Prepare(ctx, "", testLogs{t}); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(4*time.Second, cancel)
	if _, err := Up(ctx, Config{Name: name, Fresh: true}, testLogs{t}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	e, err := engine.Find(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	left, err := (&Cluster{Name: name, engine: e}).parts(context.Background())
	if err != nil || !left.empty() {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}
