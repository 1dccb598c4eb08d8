package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestUnmet(t *testing.T) {
	root := t.TempDir()
	for name, f := range map[string]struct {
		data string
		mode os.FileMode
	}{
		"usr/bin/good":    {"\x7fELF\x02\x01\x01", 0o755},
		"usr/bin/sh":      {"\x7fELF\x02\x01\x01", 0o755},
		"opt/script":      {"#!/usr/bin/sh\n", 0o755},
		"opt/lost":        {"#!/usr/bin/bsh -e\n", 0o755},
		"opt/text":        {"echo hello\n", 0o755},
		"opt/still":       {"\x7fELF\x02\x01\x01", 0o644},
		"opt/empty":       {"", 0o755},
		"etc/passwd":      {"root:x:0:0::/:/bin/sh\n", 0o644},
		"etc/group":       {"root:x:0:\n", 0o644},
		"etc/kube/env":    {"A=1\n", 0o644},
		"etc/kube/nought": {"", 0o644},
	} {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(f.data), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	tr := index(source.New(root, false))
	for line, want := range map[string]string{
		"Service ExecStart=/usr/bin/good $ARGS":       "",
		"Service ExecStart=good --flag":               "",
		"Service ExecStart=bad --flag":                "no folder of programs has it",
		"Service ExecStart=/usr/bin/bad":              "there is no such file",
		"Service ExecStartPre=-/usr/bin/bad":          "optional: there is no such file",
		"Service ExecStart=@/usr/bin/good name":       "",
		"Service ExecStart=\"/usr/bin/good\" x":       "",
		"Service ExecStart=/usr/lib/%p/x":             "",
		"Service ExecStart=/opt/script":               "",
		"Service ExecStart=/opt/lost":                 "its interpreter /usr/bin/bsh is not there",
		"Service ExecStart=/opt/text":                 "it is neither a program nor a script with an interpreter",
		"Service ExecStart=/opt/still":                "it has no run bit",
		"Service ExecStart=/opt/empty":                "it is empty",
		"Service ExecStart=/opt":                      "it is a folder",
		"Service ExecStopPost=/usr/bin/bad":           "",
		"Service WorkingDirectory=/srv":               "there is no such file",
		"Service WorkingDirectory=-/srv":              "optional: there is no such file",
		"Service WorkingDirectory=/opt":               "",
		"Service WorkingDirectory=/opt/text":          "it is no folder",
		"Service User=root":                           "",
		"Service User=kube":                           "/etc/passwd does not have it",
		"Service User=1000":                           "",
		"Service Group=kube":                          "/etc/group does not have it",
		"Service EnvironmentFile=/etc/kube/env":       "",
		"Service EnvironmentFile=/etc/kube/*":         "",
		"Service EnvironmentFile=/etc/kube/none":      "there is no such file",
		"Service EnvironmentFile=-/etc/kube/none":     "optional: there is no such file",
		"Service ReadWritePaths=/opt -/srv":           "optional: there is no such file",
		"Service BindPaths=/srv:/mnt":                 "there is no such file",
		"Unit ConditionPathExists=/opt":               "",
		"Unit ConditionPathExists=!/opt":              "it is so, and must not be",
		"Unit ConditionPathExists=/srv":               "there is no such file",
		"Unit ConditionPathExists=|/srv":              "",
		"Unit AssertPathIsDirectory=/opt/text":        "it is not so",
		"Unit ConditionFileNotEmpty=/etc/kube/nought": "it is not so",
		"Unit ConditionFileIsExecutable=/opt/still":   "it is not so",
		"Unit ConditionVirtualization=!container":     "",
		"Service ConditionPathExists=/srv":            "",
	} {
		section, rest, _ := strings.Cut(line, " ")
		key, value, _ := strings.Cut(rest, "=")
		u := snapshot.Unit{Name: "x.service", Settings: []snapshot.Setting{{Section: section, Key: key, Value: value, Source: "/x", Line: 3}}}
		got := ""
		for _, r := range tr.unmet(u) {
			got = r.Error
			if r.Optional {
				got = "optional: " + got
			}
			if r.Key != key || r.Line != 3 {
				t.Errorf("%s: %+v", line, r)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
		u.Settings = append(u.Settings, snapshot.Setting{Section: "Service", Key: "RootDirectory", Value: "/srv/x"})
		if list := tr.unmet(u); len(list) > 0 {
			t.Errorf("%s, in a root of its own: %+v", line, list)
		}
	}
}

func TestStrangersOfOtherSources(t *testing.T) {
	root := t.TempDir()
	for name, data := range map[string]string{"passwd": "root:x:0:0::/:/bin/sh\n", "nsswitch.conf": "passwd: files sss\ngroup: files\n"} {
		if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	u := snapshot.Unit{Settings: []snapshot.Setting{{Section: "Service", Key: "User", Value: "kube"}}}
	if list := index(source.New(root, false)).unmet(u); len(list) > 0 {
		t.Errorf("a user that another source may know: %+v", list)
	}
}

func FuzzRequirements(f *testing.F) {
	f.Add("ExecStart", "-\"/usr/bin/x y\" z")
	f.Add("ReadWritePaths", "-+/a:/b /c")
	f.Fuzz(func(t *testing.T, key, value string) {
		for _, r := range wants(snapshot.Setting{Section: "Unit", Key: key, Value: value}) {
			if r.Value == "" || strings.Contains(r.Value, "%") {
				t.Errorf("%+v", r)
			}
		}
	})
}
