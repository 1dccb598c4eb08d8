package nsswitch

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		if err := m.WriteFile(file, op.File{Data: []byte("passwd: files\nhosts: files\n"), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestCases(t *testing.T) {
	for value, want := range map[string]int{
		"files":                       1,
		"dns":                         1,
		"":                            1,
		"files [NOTFOUND=return] dns": 1,
		"files myhostname":            1,
		"files dns":                   0,
		"dns files":                   0,
		"mymachines resolve [!UNAVAIL=return] files myhostname dns": 0,
		"files mdns4_minimal [NOTFOUND=return] dns":                 0,
		"resolve":        0,
		"files somebody": 0,
		"files sss dns":  0,
	} {
		s := &snapshot.Snapshot{Names: &snapshot.Names{Switch: []snapshot.ConfLine{{Line: 3, Key: "hosts", Value: value}}}}
		if got := detect(s); len(got) != want {
			t.Errorf("%q: %d findings, want %d: %+v", value, len(got), want, got)
		}
	}
	if got := detect(&snapshot.Snapshot{Names: &snapshot.Names{}}); len(got) != 0 {
		t.Errorf("no line: %+v", got)
	}
}
