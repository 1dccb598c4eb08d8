package oracle

import "testing"

func TestExecEntry(t *testing.T) {
	for text, want := range map[string]bool{
		"users:\n- name: a\n  user:\n    exec:\n      command: x\n": true,
		`{"users":[{"user":{"exec": {"command":"x"}}}]}`:            true,
		"users: [{user: {exec: {command: x}}}]":                     true,
		"users:\n- name: exec\n  user:\n    token: x\n":             false,
		"users:\n- name: kubexec\n  user: {}\n":                     false,
	} {
		if got := execEntry.MatchString(text); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
