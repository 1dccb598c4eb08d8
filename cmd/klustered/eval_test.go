package main_test

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIntegrationEval measures the diagnosis on a sample of the lab's drills,
// alone and together, and on healthy labs. The sample changes with the commit,
// so that over time all are drawn; `make eval` takes every one. One of three may be
// missed: of so few it says little.
func TestIntegrationEval(t *testing.T) {
	needLab(t, 1)
	head, _ := exec.Command("git", "rev-parse", "HEAD").Output()
	out, code := run(t, "drill", "eval", "--lab", labName, "--healthy", "--seeds", "2", "--pairs", "12", "--triples", "6",
		"--sample", cmp.Or(os.Getenv("KLUSTERED_SAMPLE"), strings.TrimSpace(string(head))), "--budget", cmp.Or(os.Getenv("KLUSTERED_EVAL_BUDGET"), "4m"),
		"--results", filepath.Join(t.TempDir(), "results.jsonl"), "--least", "0.6")
	t.Log(out)
	if code != 0 {
		t.Fatalf("the diagnosis is not what it should be: exit %d", code)
	}
}
