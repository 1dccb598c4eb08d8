package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIntegrationKill has every op that needs a node killed at every step on a
// control plane, and recovered: the test of the package that repairs is run
// there.
func TestIntegrationKill(t *testing.T) {
	needLab(t, 1)
	program := filepath.Join(t.TempDir(), "repair.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "grpcnotrace", "-o", program, "../../internal/repair")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fatalf(t, "go test -c: %v: %s", err, out)
	}
	const there = "/run/repair.test"
	file, err := os.Open(program)
	if err != nil {
		fatalf(t, "the program: %v", err)
	}
	defer file.Close()
	inside := func(script string) *exec.Cmd {
		return exec.CommandContext(t.Context(), binary, "lab", "exec", "--name", labName, "cp1", "--", "sh", "-c", script)
	}
	send := inside("cat > " + there + " && chmod 0755 " + there)
	send.Stdin = file
	if out, err := send.CombinedOutput(); err != nil {
		fatalf(t, "to the node: %v: %s", err, out)
	}
	out, err := inside("KLUSTERED_KILL_NODE=1 " + there + " -test.run '^TestKillNode' -test.v -test.timeout 20m").CombinedOutput()
	t.Logf("%s", out)
	for _, name := range []string{"TestKillNode/etcd", "TestKillNodeForGood", "TestKillNodeUndo"} {
		if err == nil && !strings.Contains(string(out), "--- PASS: "+name+" ") {
			err = fmt.Errorf("%s has not passed", name)
		}
	}
	if err != nil {
		errorf(t, "killed on a node: %v: %s", err, firstFailure(string(out)))
	}
}

// firstFailure is the first line of a test's output that tells of a failure.
func firstFailure(text string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "_test.go:") && !strings.Contains(line, "killed at") || strings.HasPrefix(line, "panic") {
			return strings.TrimSpace(line)
		}
	}
	return last(text)
}
