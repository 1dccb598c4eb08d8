package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func cause(id string, layer fault.Layer) diagnose.Cause {
	return diagnose.Cause{Rank: 1, Confidence: .97,
		Fault: &fault.Fault{ID: id, Layer: layer, Runbook: "# A title\n\n## Repair by hand\n\nDo this.\n"},
		Finding: finding.Finding{Fault: id, Node: "w1", Subject: finding.Subject{Kind: "file", Name: "/etc/x"}, Summary: "the first configuration is not JSON",
			Facts:    []finding.Fact{{Source: "/etc/x", Line: 7, Got: `"type": "bridge`, Want: "JSON"}, {Source: "journal:containerd.service", Got: "cannot parse", At: now}},
			Commands: []string{"jq . /etc/x"}},
		Explains: []symptom.ID{symptom.PodNetworkDown, symptom.NodeNotReady, symptom.PodsNotStarting},
		Chains: []diagnose.Chain{{{ID: symptom.PodNetworkDown, Node: "w1", Seen: true}, {ID: symptom.NodeNotReady, Node: "w2", Seen: true},
			{ID: symptom.ControllersIdle, Node: "w1"}}},
		Plan: op.Plan{op.EtcdCompact{}, op.ReloadUnits{}}}
}

func healthy() *diagnose.Diagnosis {
	return &diagnose.Diagnosis{At: now, Nodes: []string{"cp1"}, Kubernetes: true, Coverage: diagnose.Coverage{Seen: 17, Total: 17},
		Trust:  []diagnose.Check{{Name: "commands", Node: "cp1", Status: diagnose.OK}, {Name: "shell", Node: "cp1", Status: diagnose.OK}},
		Layers: []diagnose.Layer{{Name: fault.Host, Status: diagnose.OK}, {Name: fault.Systemd, Status: diagnose.OK}}}
}

func broken() *diagnose.Diagnosis {
	return &diagnose.Diagnosis{At: now, Nodes: []string{"cp1", "w1"}, Others: []string{"w2"}, Kubernetes: true,
		Coverage: diagnose.Coverage{Seen: 30, Total: 31, Gaps: []diagnose.Gap{{Node: "w1", Whole: true, Gap: snapshot.Gap{Section: "logs", Source: "/var/log/journal", Reason: "no journal is kept"}}}},
		Trust: []diagnose.Check{{Name: "shell", Node: "cp1", Status: diagnose.OK}, {Name: "kubeconfig", Node: "cp1", Status: diagnose.Suspect,
			Facts: []finding.Fact{{Source: "/root/.kube/config", Line: 14, Got: `user "a" runs /opt/x`, Want: "a credential"}}}},
		Layers: []diagnose.Layer{{Name: fault.Host, Status: diagnose.OK}, {Name: fault.Systemd, Status: diagnose.OK},
			{Name: fault.CNI, Status: diagnose.Broken, Cause: "cni/bad"}, {Name: fault.Etcd, Status: diagnose.Unexplained}, {Name: fault.Nodes, Status: diagnose.Blocked, Cause: "cni/bad"}},
		Causes:   []diagnose.Cause{cause("cni/bad", fault.CNI)},
		Forecast: []diagnose.Cause{cause("cni/next", fault.CNI)},
		Notes:    []diagnose.Cause{cause("host/odd", fault.Host)},
		Ignored:  []diagnose.Ignored{{Cause: cause("host/swap", fault.Host), Why: diagnose.Ignore{Fault: "host", Reason: "on purpose", Until: now, Source: "s.yaml", Line: 4}}},
		Expired:  []diagnose.Ignore{{Fault: "cni", Reason: "until Monday", Until: now, Source: "s.yaml", Line: 9}},
		Symptoms: []diagnose.Sighting{{ID: symptom.NodeNotReady, Title: "the node is not Ready", Node: "w1", ExplainedBy: []string{"cni/bad"}, Facts: []finding.Fact{{Source: "nodes/w1", Got: "Ready=False|x"}}},
			{ID: symptom.EtcdSlow, Title: "etcd is slow", Node: "cp1", Facts: []finding.Fact{{Source: "etcd", Got: "a WAL sync takes 1.2 s", Want: "under 100 ms"}}}},
		Skipped: []diagnose.Skipped{{Fault: "needs/logs", Node: "w1", Reason: "needs logs: no journal is kept"}, {Fault: "etcd/x", Node: "w1", Reason: "needs etcd, " + diagnose.NotHere}},
		Sources: []diagnose.Source{{Node: "w1", Timing: snapshot.Timing{Name: "logs", Ms: 12}}}}
}

func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name, format string
		d            *diagnose.Diagnosis
	}{
		{"healthy.txt", "text", healthy()},
		{"broken.txt", "text", broken()},
		{"broken.json", "json", broken()},
		{"broken.md", "md", broken()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, tt.format, tt.d, Options{TotalMs: 812, Target: " --node docker://w1"}); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", tt.name)
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", b.Bytes(), want)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if tt.format == "text" && len(line) > 100 {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
		})
	}
}

// A list is never null, so that a program can walk it unasked.
func TestJSONHasNoNull(t *testing.T) {
	data, err := json.Marshal(NewDocument(&diagnose.Diagnosis{Causes: []diagnose.Cause{{Fault: &fault.Fault{}, PlanErr: errors.New("no")}}}, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("null")) {
		t.Errorf("null in %s", data)
	}
}

func TestUnknownFormat(t *testing.T) {
	if err := Write(&bytes.Buffer{}, "xml", healthy(), Options{}); err == nil {
		t.Error("no error")
	}
}

// Evidence cannot steer the terminal, or end a block of Markdown.
func TestHostileEvidence(t *testing.T) {
	d := broken()
	d.Causes[0].Finding.Summary = "a\x1b[2Jb\nc"
	d.Causes[0].Finding.Facts[0].Got = "x\x07\u202ey```\r\n# fake"
	d.Nodes[0] = "n\x1b]0;t\x07"
	d.Symptoms[0].Facts[0].Got = "a|b\n|c|"
	for _, format := range []string{"text", "md"} {
		var b bytes.Buffer
		if err := Write(&b, format, d, Options{}); err != nil {
			t.Fatal(err)
		}
		if i := strings.IndexFunc(strings.ReplaceAll(b.String(), "\n", ""), unprintable); i >= 0 {
			t.Errorf("%s: control character in %q", format, b.String())
		}
		if format == "md" && strings.Count(b.String(), "```")%2 != 0 {
			t.Errorf("a block is cut short:\n%s", b.String())
		}
	}
}

func TestColorWanted(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(k string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == k {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, tt := range []struct {
		name, mode string
		tty        bool
		env        func(string) string
		want       bool
	}{
		{"terminal", "auto", true, env(), true},
		{"pipe", "auto", false, env(), false},
		{"no_color", "auto", true, env("NO_COLOR", "1"), false},
		{"forced", "auto", false, env("CLICOLOR_FORCE", "1"), true},
		{"dumb", "auto", true, env("TERM", "dumb"), false},
		{"flag_over_environment", "always", false, env("NO_COLOR", "1"), true},
		{"never", "never", true, env("CLICOLOR_FORCE", "1"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ColorWanted(tt.mode, tt.tty, tt.env); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Colour adds nothing but codes.
func TestColorIsOnlyColor(t *testing.T) {
	var plain, color bytes.Buffer
	if Text(&plain, broken(), Options{}) != nil || Text(&color, broken(), Options{Color: true}) != nil {
		t.Fatal("cannot write")
	}
	stripped := color.String()
	for strings.Contains(stripped, "\x1b[") {
		before, rest, _ := strings.Cut(stripped, "\x1b[")
		_, after, _ := strings.Cut(rest, "m")
		stripped = before + after
	}
	trim := func(s string) string {
		var out []string
		for _, l := range strings.Split(s, "\n") {
			out = append(out, strings.TrimRight(l, " "))
		}
		return strings.Join(out, "\n")
	}
	if trim(stripped) != trim(plain.String()) {
		t.Errorf("got\n%s\nwant\n%s", stripped, plain.String())
	}
}

// The only cause is shown with all that it quotes; of several, each says how
// much more there is.
func TestFactsOfACause(t *testing.T) {
	many := cause("access/x", fault.PKI)
	many.Finding.Facts = nil
	for range 8 {
		many.Finding.Facts = append(many.Finding.Facts, finding.Fact{Source: "rbac", Got: "a right"})
	}
	for _, tt := range []struct {
		causes []diagnose.Cause
		facts  int
		more   bool
	}{
		{[]diagnose.Cause{many}, 8, false},
		{[]diagnose.Cause{many, many}, 2 * maxFacts, true},
	} {
		var b bytes.Buffer
		if err := Text(&b, &diagnose.Diagnosis{Kubernetes: true, Causes: tt.causes}, Options{}); err != nil {
			t.Fatal(err)
		}
		if n, more := strings.Count(b.String(), "| a right"), strings.Contains(b.String(), "and 4 more: -o json"); n != tt.facts || more != tt.more {
			t.Errorf("%d causes: %d facts, more %v\n%s", len(tt.causes), n, more, b.String())
		}
	}
}

// What was found and explains nothing is not called nothing.
func TestHealthyWithNotes(t *testing.T) {
	d := healthy()
	d.Notes = []diagnose.Cause{cause("host/odd", fault.Host)}
	var b bytes.Buffer
	if err := Text(&b, d, Options{}); err != nil || strings.Contains(b.String(), "no fault") || !strings.Contains(b.String(), "Healthy") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
