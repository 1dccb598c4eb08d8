package site

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/snapshot"
)

const rule = `apiVersion: klustered.dev/v1
kind: Rule
id: site/backupfailed
title: The nightly backup failed
layer: systemd
each: snapshot.systemd.units.filter(u, u.active == "failed")
when: it.name.startsWith("backup") && (!has(snapshot.host) || snapshot.host.kernel != "")
subject: {kind: unit, name: it.name}
summary: '"the unit " + it.name + " failed on " + snapshot.node'
facts:
- {source: it.path, got: '"ActiveState=" + it.active', want: '"ActiveState=inactive"'}
explains:
- {symptom: io-pressure, strength: sometimes}
commands: [systemctl list-units --failed]
repair: Ask the storage team.
tests:
- {bundle: failed.bundle, finds: [backup-home.service]}
`

func node() *snapshot.Snapshot {
	return &snapshot.Snapshot{Node: "cp1", Systemd: &snapshot.Systemd{Units: []snapshot.Unit{
		{Name: "backup-home.service", Path: "/etc/systemd/system/backup-home.service", Active: "failed"},
		{Name: "backup-etc.service", Active: "inactive"}, {Name: "other.service", Active: "failed"},
	}}}
}

func TestRule(t *testing.T) {
	r, err := ParseRule("f.yaml", []byte(rule))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Fault.Needs, r.Fault.Uses); got != "[systemd] [host]" {
		t.Errorf("needs and uses %s", got)
	}
	if err := r.Fault.Validate(); err != nil {
		t.Error(err)
	}
	found := r.Fault.Detect(node())
	if len(found) != 1 || found[0].Subject.Name != "backup-home.service" || found[0].Summary != "the unit backup-home.service failed on cp1" {
		t.Fatalf("%+v", found)
	}
	if f := found[0].Facts[0]; f.Source != "/etc/systemd/system/backup-home.service" || f.Got != "ActiveState=failed" || f.Want != "ActiveState=inactive" {
		t.Errorf("%+v", f)
	}
	d := diagnose.Run([]*snapshot.Snapshot{node(), {Node: "w"}}, []*fault.Fault{r.Fault})
	if len(d.Causes)+len(d.Notes) != 1 || len(d.Skipped) != 1 {
		t.Errorf("%+v", d)
	}
	if len(r.Tests) != 1 || r.Tests[0].Finds[0] != "backup-home.service" {
		t.Errorf("%+v", r.Tests)
	}
}

// What when reads is needed, although the summary asks whether it is there.
func TestRuleNeedsWhatIsReadUnasked(t *testing.T) {
	text := strings.Replace(rule, `(!has(snapshot.host) || snapshot.host.kernel != "")`, `snapshot.host.kernel == ""`, 1)
	text = strings.Replace(text, `snapshot.node'`, `(has(snapshot.host) ? snapshot.host.kernel : "")'`, 1)
	r, err := ParseRule("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Fault.Needs, r.Fault.Uses); got != "[systemd host] []" {
		t.Errorf("needs and uses %s", got)
	}
}

func TestRuleIsChecked(t *testing.T) {
	for what, change := range map[string][2]string{
		`it is not of apiVersion`:      {"kind: Rule", "kind: Site"},
		`field idd not found`:          {"id: site", "idd: site"},
		`is not site/ and a name`:      {"site/backupfailed", "etcd/backup"},
		`there is no layer "attic"`:    {"layer: systemd", "layer: attic"},
		`each: 1:10: Snapshot has no`:  {"snapshot.systemd.units.filter", "snapshot.sytemd.units.filter"},
		`each: it gives a string`:      {`snapshot.systemd.units.filter(u, u.active == "failed")`, "snapshot.node"},
		`when: 1:1`:                    {`it.name.startsWith("backup") &&`, `1 &&`},
		`there is no symptom "gloom"`:  {"io-pressure", "gloom"},
		`is none of always, usually`:   {"strength: sometimes", "strength: 0.4"},
		`the subject has no name`:      {"name: it.name}", "name: ''}"},
		`facts[0]: a fact has`:         {`got: '"ActiveState=" + it.active', `, ""},
		`has a title, when, a subject`: {"title: The nightly backup failed\n", ""},
	} {
		text := strings.Replace(rule, change[0], change[1], 1)
		if _, err := ParseRule("f.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), what) || !strings.HasPrefix(err.Error(), "cannot read f.yaml: ") {
			t.Errorf("%q: %v", what, err)
		}
	}
	const blind = "apiVersion: klustered.dev/v1\nkind: Rule\nid: site/x\ntitle: X\nlayer: host\nwhen: 1 == 1\nsubject: {kind: a, name: '\"b\"'}\nfacts: [{source: '\"c\"', got: '\"d\"'}]\n"
	if _, err := ParseRule("f.yaml", []byte(blind)); err == nil || !strings.Contains(err.Error(), "reads no evidence") {
		t.Errorf("a rule that looks at nothing: %v", err)
	}
}

// TestRuleThatFails: what cannot be told on this evidence is not evaluated.
func TestRuleThatFails(t *testing.T) {
	r, err := ParseRule("f.yaml", []byte(strings.Replace(rule, `it.name.startsWith("backup")`, `snapshot.systemd.units[7].name == ""`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	d := diagnose.Run([]*snapshot.Snapshot{node()}, []*fault.Fault{r.Fault})
	if len(d.Causes)+len(d.Notes) != 0 || len(d.Skipped) != 1 || !strings.Contains(d.Skipped[0].Reason, "there is no element 7") {
		t.Errorf("%+v", d.Skipped)
	}
}

func TestLoadRules(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadRules(dir); err == nil {
		t.Error("an empty folder has rules")
	}
	for _, name := range []string{"a.yaml", "b.yaml"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(rule), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadRules(dir); err == nil || !strings.Contains(err.Error(), "another rule has the id") {
		t.Errorf("one id twice: %v", err)
	}
	os.Remove(filepath.Join(dir, "b.yaml"))
	if rules, err := LoadRules(dir); err != nil || len(rules) != 1 {
		t.Errorf("%v, %v", rules, err)
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add([]byte(rule))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := ParseRule("f", data); err == nil {
			diagnose.Run([]*snapshot.Snapshot{node()}, []*fault.Fault{r.Fault})
		}
	})
}
