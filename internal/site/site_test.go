package site

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func known(name string) bool { return name == "host/swap" || name == "host" }

const head = "apiVersion: klustered.dev/v1\nkind: Site\n"

func TestParse(t *testing.T) {
	const whole = head + "ignore:\n- fault: host/swap\n  node: worker-*\n  subject: /dev/zram0\n  reason: on purpose\n  until: 2027-03-31\n"
	s, err := Parse("f", []byte(whole), known)
	if err != nil || len(s.Ignores) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	i := s.Ignores[0]
	if i.Fault != "host/swap" || i.Node != "worker-*" || i.Subject != "/dev/zram0" || i.Line != 4 || i.Source != "f" || i.Until.Format("2006-01-02 15:04:05") != "2027-03-31 23:59:59" {
		t.Errorf("%+v", i)
	}
	if s, err := Parse("f", []byte(head), known); err != nil || len(s.Ignores) != 0 {
		t.Errorf("a site that ignores nothing: %+v, %v", s, err)
	}
	for what, text := range map[string]string{
		"of another kind":   "apiVersion: v1\nkind: Pod\n",
		"empty":             "",
		"not YAML":          head + "ignore: [",
		"unknown field":     head + "ignored: []\n",
		"unknown in entry":  head + "ignore:\n- fault: host\n  because: x\n",
		"misspelt":          head + "ignore:\n- fault: host/swop\n  reason: x\n  until: 2027-01-01\n",
		"without a reason":  head + "ignore:\n- fault: host\n  until: 2027-01-01\n",
		"without an end":    head + "ignore:\n- fault: host\n  reason: x\n",
		"no day":            head + "ignore:\n- fault: host\n  reason: x\n  until: next week\n",
		"no pattern":        head + "ignore:\n- fault: host\n  node: '['\n  reason: x\n  until: 2027-01-01\n",
		"a list of words":   head + "ignore:\n- host\n",
		"a field of fields": head + "ignore:\n- fault: {a: b}\n",
	} {
		if s, err := Parse("f", []byte(text), known); err == nil || !strings.HasPrefix(err.Error(), "cannot read f: ") {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}
}

func TestLoadAndFind(t *testing.T) {
	file := filepath.Join(t.TempDir(), Name)
	if Find(file) != "" {
		t.Error("a file is found that is not there")
	}
	if _, err := Load(file, known); err == nil {
		t.Error("a file is read that is not there")
	}
	if err := os.WriteFile(file, []byte(head+"#"+strings.Repeat("x", most)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, known); err == nil || Find("", file) != file {
		t.Errorf("a huge file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "ignore:\n- fault: host\n  reason: x\n  until: 2027-01-01\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Parse("f", data, known); err == nil {
			for _, i := range s.Ignores {
				if i.Reason == "" || i.Until.IsZero() {
					t.Errorf("an ignore without reason or end: %+v", i)
				}
			}
		}
	})
}
