package cli

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/collect/raw"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

var update = flag.Bool("update", false, "write docs/cli.md and the scripts' expectations")

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// slow is a fault that is found where etcd syncs slowly.
var slow = &fault.Fault{
	ID: "etcd/slowdisk", Layer: fault.Etcd,
	Runbook:  "# The disk is slow\n\n## Signs\n\nIt waits.\n\n## Hints\n\n- Look.\n- Look there.\n\n## Repair by hand\n\nBuy a disk.\n",
	Needs:    []snapshot.Section{snapshot.SectionEtcd},
	Explains: []symptom.Edge{{Symptom: symptom.EtcdSlow, Strength: symptom.Always}},
	Detect: func(s *snapshot.Snapshot) []finding.Finding {
		if s.Etcd.Latency.FsyncRecentMs < 100 {
			return nil
		}
		return []finding.Finding{{Subject: finding.Subject{Kind: "member", Name: "m"}, Summary: "the disk is slow",
			Facts: []finding.Fact{{Source: "/x", Line: 3, Got: "slow", Want: "fast"}}}}
	},
	Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return op.Plan{op.EtcdCompact{}}, nil },
}

// synced is a snapshot whose WAL sync takes that long.
func synced(syncMs float64) *snapshot.Snapshot {
	return &snapshot.Snapshot{Version: 1, Node: "cp1", At: at,
		Kubelet: &snapshot.Kubelet{Running: true, Healthz: "ok"},
		Etcd: &snapshot.Etcd{Running: true, Reachable: true, Endpoint: "https://127.0.0.1:2379",
			Status: &snapshot.EtcdStatus{Leader: "1"}, Latency: &snapshot.EtcdLatency{FsyncRecentMs: syncMs}}}
}

// recordedPart is a node with raw evidence.
func recordedPart(syncMs float64) bundle.Part {
	return bundle.Part{Snapshot: synced(syncMs), Clock: &bundle.Clock{OffsetMs: 1500, ErrorMs: 20},
		Raw: []raw.File{{Source: "/etc/hosts", Data: []byte("10.1.2.3 cp1\n")}}}
}

func app() *App { return New([]*fault.Fault{slow}) }

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"klustered": func() { os.Exit(app().Run(os.Args[1:])) },
		"as-user": func() {
			a := app()
			a.UID = 1000
			os.Exit(a.Run(os.Args[1:]))
		},
		"kubectl-klustered":          func() { os.Exit(app().Run(os.Args[1:])) },
		"kubectl_complete-klustered": func() { os.Exit(app().Run(os.Args[1:])) },
		"mkidentity": func() {
			id, err := age.GenerateX25519Identity()
			if err == nil {
				err = os.WriteFile(os.Args[1], []byte(id.String()+"\n"), 0o600)
			}
			if err == nil {
				err = os.WriteFile(os.Args[2], []byte(id.Recipient().String()+"\n"), 0o600)
			}
			if err != nil {
				panic(err)
			}
		},
		"mkbundle": func() {
			var ms float64
			fmt.Sscan(os.Args[1], &ms)
			f, err := os.Create(os.Args[2])
			if err == nil {
				err = bundle.Write(f, []bundle.Part{recordedPart(ms)}, bundle.Options{Created: at})
			}
			if err != nil {
				panic(err)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update, Setup: func(e *testscript.Env) error {
		return unpackDB(filepath.Join(e.WorkDir, "etcd.db"))
	}})
}

// unpackDB writes the recorded data file of an etcd.
func unpackDB(to string) error {
	f, err := os.Open("../collect/etcd/store/testdata/full.db.gz")
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

// TestDocs keeps docs/cli.md as the commands are.
func TestDocs(t *testing.T) {
	var b bytes.Buffer
	a := &App{Out: &b, Err: &b, Getenv: os.Getenv}
	b.WriteString("# The command line\n\nGenerated from the commands by `go test ./internal/cli -run TestDocs -update`.\n")
	document(&b, a.root())
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, b.Bytes()) {
		t.Error("docs/cli.md is stale: go test ./internal/cli -run TestDocs -update")
	}
}

// TestExamples: whoever asks a command for help is shown how it is typed.
func TestExamples(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if !strings.HasPrefix(c.Example, "  klustered ") {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, x := range c.Commands() {
			visit(x)
		}
	}
	visit(app().root())
}

// document writes a command and those below it.
func document(b *bytes.Buffer, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n%s.\n", c.CommandPath(), c.Short)
	if c.Long != "" {
		fmt.Fprintf(b, "\n%s\n", c.Long)
	}
	if c.Runnable() && c.HasParent() && !c.HasSubCommands() {
		fmt.Fprintf(b, "\n```\n%s\n```\n", c.UseLine())
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	}
	flags(b, c)
	for _, x := range c.Commands() {
		document(b, x)
	}
}

func unindent(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func flags(b *bytes.Buffer, c *cobra.Command) {
	first := true
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if first {
			b.WriteString("\n| flag | meaning |\n|---|---|\n")
			first = false
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		usage := f.Usage
		if d := f.DefValue; d != "" && d != "false" && d != "[]" && d != "0" {
			usage += " (default " + d + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", `\|`))
	})
}

func TestNearest(t *testing.T) {
	list := []string{"cni/configmissing", "etcd/nospace", "node-not-ready", "triage"}
	for in, want := range map[string]string{"triag": "triage", "cni/configmisssing": "cni/configmissing", "nospace": "etcd/nospace",
		"notready": "node-not-ready", "zebra": "", "etcd/nospcae": "etcd/nospace"} {
		if got := nearest(in, list); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
