package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/drill"
)

// binary is what `make build` makes, or KLUSTERED_BINARY; the tests drive it as
// a person would.
var binary = cmp.Or(os.Getenv("KLUSTERED_BINARY"), "../../bin/klustered")

// labName is a lab of the tests' own, or KLUSTERED_LAB.
var labName = cmp.Or(os.Getenv("KLUSTERED_LAB"), "drilltest")

// failures are told once more when all is over, in a line each: the end of a
// long log is what people see of it.
var failures []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, f := range failures {
		fmt.Println("failed:", f)
	}
	os.Exit(code)
}

// errorf fails the test. The first line says what was seen and what was wanted;
// what follows it is not repeated at the end.
func errorf(t *testing.T, format string, args ...any) {
	t.Helper()
	first, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	failures = append(failures, t.Name()+": "+first)
	t.Errorf(format, args...)
}

func fatalf(t *testing.T, format string, args ...any) {
	t.Helper()
	errorf(t, format, args...)
	t.FailNow()
}

// call runs klustered and returns what it wrote and its exit code.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		fatalf(t, "klustered %s: %v", strings.Join(args, " "), err)
	}
	t.Logf("klustered %s: exit %d in %.1fs", strings.Join(args, " "), code, time.Since(begin).Seconds())
	switch {
	case code > 1 && slices.Contains(args, "json"): // the log is not to drown in it
		t.Logf("%s%s", brief(out.Bytes()), errs.String())
	case code == 1 || testing.Verbose() && code != 0:
		t.Logf("%s%s", out.String(), errs.String())
	}
	return out.String(), errs.String(), code
}

// run is call for those that do not ask what it wrote to its errors.
func run(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	stdout, _, code = call(t, args...)
	return stdout, code
}

// brief is what a diagnosis in JSON says, in one line.
func brief(text []byte) string {
	var d diagnosis
	if err := json.Unmarshal(text, &d); err != nil {
		return string(text)
	}
	return d.String() + "\n"
}

// must runs klustered and wants exit code 0.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code := call(t, args...)
	if code != 0 {
		fatalf(t, "klustered %s: exit %d, want 0: %s\n%s%s", strings.Join(args, " "), code, last(out+"\n"+errs), out, errs)
	}
	return out
}

// step is must for what belongs to a drill: where it fails, it is told how the
// lab is diagnosed then.
func step(t *testing.T, name string, args ...string) {
	t.Helper()
	out, errs, code := call(t, append(args, "--lab", labName)...)
	if code != 0 {
		fatalf(t, "%s: klustered %s: exit %d, want 0: %s\n%s%s\nThe diagnosis after it:\n%s", name, strings.Join(args, " "), code, last(out+"\n"+errs), out, errs, shown(t))
	}
}

// last is the last line that is not empty.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// shown is the diagnosis as people see it.
func shown(t *testing.T) string {
	t.Helper()
	out, errs, code := call(t, "triage", "--lab", labName)
	return fmt.Sprintf("%s%s(exit code %d)", out, errs, code)
}

// A diagnosis is the part of the JSON contract that the tests read.
type diagnosis struct {
	Causes []struct {
		ID, Node, Summary string
		Facts             []struct{ Source, Got string }
	}
	Unexplained []string
	ExitCode    int
}

func (d diagnosis) String() string {
	var out []string
	for _, c := range d.Causes {
		out = append(out, fmt.Sprintf("%s on %s (%s)", c.ID, c.Node, c.Summary))
	}
	return fmt.Sprintf("exit code %d; root causes: %s; unexplained: %s", d.ExitCode, cmp.Or(strings.Join(out, ", "), "none"), cmp.Or(strings.Join(d.Unexplained, ", "), "nothing"))
}

func triage(t *testing.T, args ...string) diagnosis {
	t.Helper()
	out, _ := run(t, append([]string{"triage", "-o", "json", "--lab", labName}, args...)...)
	var d diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		fatalf(t, "triage does not print JSON: %v\n%s", err, out)
	}
	return d
}

func needLab(t *testing.T, workers int) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a lab")
	}
	if _, err := os.Stat(binary); err != nil {
		fatalf(t, "cannot find %s: make build makes it", binary)
	}
	run(t, "lab", "down", "--name", labName)
	must(t, "lab", "up", "--name", labName, "--workers", strconv.Itoa(workers))
	t.Cleanup(func() { exec.Command(binary, "lab", "down", "--name", labName).Run() })
}

// TestIntegrationDrills plays every drill: found, and nothing else; fixed,
// undone, found again, fixed again; and scored. The seeds change with the
// commit, so that over time many are played.
func TestIntegrationDrills(t *testing.T) {
	needLab(t, 1)
	quiet(t)
	for i, d := range drill.Drills {
		if only := os.Getenv("KLUSTERED_DRILL"); only != "" && !slices.Contains(strings.Split(only, ","), d.Name) {
			continue
		}
		for _, seed := range seeds() {
			t.Run(fmt.Sprintf("%s_%d", d.Name, seed), func(t *testing.T) { play(t, d, seed+uint64(i)) })
		}
	}
}

// quiet wants a healthy cluster to be called so. No fault may be named at any
// time; a symptom may pass while the nodes' own start still loads the machine.
func quiet(t *testing.T) {
	t.Helper()
	var d diagnosis
	for range 6 {
		if d = triage(t); len(d.Causes) != 0 {
			fatalf(t, "quiet: a healthy cluster is accused: %v\n%s", d, shown(t))
		}
		if d.ExitCode == 0 {
			return
		}
		time.Sleep(10 * time.Second)
	}
	fatalf(t, "quiet: a healthy cluster is not called healthy for a minute: %v\n%s", d, shown(t))
}

// seeds are KLUSTERED_DRILL_SEEDS many (1), from KLUSTERED_DRILL_FIRST or
// from the commit on.
func seeds() []uint64 {
	n, _ := strconv.Atoi(os.Getenv("KLUSTERED_DRILL_SEEDS"))
	first, err := strconv.ParseUint(os.Getenv("KLUSTERED_DRILL_FIRST"), 10, 64)
	if err != nil {
		head, _ := exec.Command("git", "rev-parse", "HEAD").Output()
		h := fnv.New32()
		h.Write(head)
		first = uint64(h.Sum32()%9000) + 1
	}
	var out []uint64
	for i := range max(n, 1) {
		out = append(out, first+uint64(100*i))
	}
	return out
}

func play(t *testing.T, d drill.Drill, seed uint64) {
	must(t, "drill", "reset", "--lab", labName)
	must(t, "drill", "start", d.Name, "--seed", fmt.Sprint(seed), "--lab", labName)
	if out, code := run(t, "drill", "score", "--lab", labName); code != 2 || !strings.Contains(out, "Score: 0 of 100") {
		errorf(t, "score: doing nothing: exit %d, %s, want exit 2, Score: 0 of 100\n%s", code, score(out), out)
	}
	found(t, "found", d, record(t, d, seed)...)
	replays(t)
	repairAll(t, "repaired", d)
	undoAll(t, d)
	found(t, "found after the undo", d)
	repairAll(t, "repaired again", d)
	full(t, "the tool's own repair")
}

// full wants the drill to score in full.
func full(t *testing.T, who string) {
	t.Helper()
	out, code := run(t, "drill", "score", "--lab", labName)
	if !strings.Contains(out, "Score: 100 of 100") {
		errorf(t, "score: %s: exit %d, %s, want Score: 100 of 100\n%s\nThe diagnosis now:\n%s", who, code, score(out), out, shown(t))
	}
}

// score is what a score says in one line: the marks, and whatever did not pass.
func score(text string) string {
	told := []string{"no score"}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Score:"):
			told[0] = line
		case line != "" && !strings.HasPrefix(line, "pass"):
			told = append(told, line)
		}
	}
	return strings.Join(told, "; ")
}

// record has triage keep the evidence, where KLUSTERED_RECORD names a folder.
func record(t *testing.T, d drill.Drill, seed uint64) []string {
	dir := os.Getenv("KLUSTERED_RECORD")
	if dir == "" {
		return nil
	}
	file, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("%s-%d.bundle", d.Name, seed)))
	if err != nil {
		fatalf(t, "cannot record: %v", err)
	}
	return []string{"--save", file, "--redact", "addresses", "--note", d.Situation}
}

// found wants one root cause, of the drill. Signs may take a while to show
// again after an undo.
func found(t *testing.T, name string, d drill.Drill, args ...string) {
	t.Helper()
	var got diagnosis
	for range 12 {
		got = triage(t, args...)
		if len(got.Causes) == 1 && slices.Contains(d.Faults, got.Causes[0].ID) {
			return
		}
		time.Sleep(5 * time.Second)
	}
	fatalf(t, "%s: want one root cause, of %s; have %v\n%s", name, strings.Join(d.Faults, ", "), got, shown(t))
}

// replays wants the diagnosis of a bundle to be that of the run that wrote it,
// but for what times how long it took.
func replays(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "replay.bundle")
	live, _ := run(t, "triage", "-o", "json", "--lab", labName, "--save", file)
	again, _ := run(t, "triage", "-o", "json", "--bundle", file)
	if a, b := untimed(t, live), untimed(t, again); a != b {
		one, other := differ(a, b)
		errorf(t, "replays: the bundle's diagnosis is not the live one's: %.300q, live %.300q\nOf the bundle:\n%s\nLive:\n%s\nThe diagnosis now:\n%s",
			strings.Join(strings.Fields(other), " "), strings.Join(strings.Fields(one), " "), other, one, shown(t))
	}
}

// differ is what is left of two texts without the lines at their beginnings and
// ends that are the same.
func differ(a, b string) (string, string) {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return strings.Join(x, ""), strings.Join(y, "")
}

// untimed is a diagnosis without its timing, and without how to reach the node
// again, which a bundle does not know.
func untimed(t *testing.T, text string) string {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		fatalf(t, "replays: triage does not print JSON: %v\n%s", err, text)
	}
	delete(d, "timing")
	for _, list := range []string{"causes", "forecast", "contributing"} {
		causes, _ := d[list].([]any)
		for _, c := range causes {
			if c, ok := c.(map[string]any); ok {
				delete(c, "commands")
			}
		}
	}
	out, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		fatalf(t, "replays: %v", err)
	}
	return string(out)
}

func repairAll(t *testing.T, name string, d drill.Drill) {
	t.Helper()
	step(t, name, "fix", "--all", "--apply", "--hold", "5s", "--accept-risk", "etcd-maintenance,interrupts-workloads")
	if d.Harden != "" {
		step(t, name, "harden", d.Harden, "--apply", "--confirm")
	}
	got := triage(t)
	for looks := 1; len(got.Causes) != 0 && looks < 3; looks++ { // as fix itself, which believes no single bad one
		t.Logf("%s: after it there is %v\n%+v", name, got, got.Causes)
		time.Sleep(5 * time.Second)
		got = triage(t)
	}
	if len(got.Causes) != 0 {
		fatalf(t, "%s: want no root cause after it; have %v\n%+v\nand a moment later:\n%s", name, got, got.Causes, shown(t))
	}
}

func undoAll(t *testing.T, d drill.Drill) {
	t.Helper()
	step(t, "undone", "undo")
	if d.Harden != "" {
		step(t, "undone", "undo")
	}
}

// TestIntegrationReferenceSolver checks the scoring itself: whoever takes back
// exactly what the drill changed earns full marks. One drill a commit, or all
// with KLUSTERED_DRILL=all.
func TestIntegrationReferenceSolver(t *testing.T) {
	needLab(t, 1)
	seed := seeds()[0]
	for i, d := range drill.Drills {
		if os.Getenv("KLUSTERED_DRILL") != "all" && seed%uint64(len(drill.Drills)) != uint64(i) {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			must(t, "drill", "reset", "--lab", labName)
			must(t, "drill", "start", d.Name, "--seed", fmt.Sprint(seed), "--lab", labName)
			must(t, "drill", "solve", "--reference", "--lab", labName)
			full(t, "the reference solver")
		})
	}
}
