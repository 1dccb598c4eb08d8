package trust

import (
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func TestRewriters(t *testing.T) {
	const file = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	wrong := finding.Fact{Source: file, Line: 14, Got: "- --bind-addres=10.0.0.2", Want: "--bind-address"}
	entry := func(command string) snapshot.Persistent {
		return snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Command: command, Enabled: true}
	}
	for command, named := range map[string]bool{
		"sed -i s/--bind-address/--bind-addres/ " + file:                       true,
		"sed -i s/--bind-address/--bind-addres/ /etc/kubernetes/manifests/*":   true,
		"sed -i 's/- --bind-address.*/- --bind-addres=10.0.0.2/' " + file:      true,
		"grep -q addres= " + file + " || sed -i 's/address=/addres=/' " + file: true,
		"sed -i s/--v=2/--v=4/ " + file:                                        false, // another line
		"sed -i s/--bind-address/--bind-addres/ /srv/x.yaml":                   false,
		"sed s/--bind-address/--bind-addres/ " + file + " > /tmp/x":            false,
		"sed -i s/2/10/ " + file:                                               false, // could be any line's
		"cp /srv/kube-apiserver.yaml " + file:                                  false, // perhaps a sound one
	} {
		s := &snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{entry(command)}}}
		got := Rewriters(s, wrong)
		if len(got) > 0 != named {
			t.Errorf("%s: got %+v, want it named: %v", command, got, named)
		}
		if named && (len(got) == 0 || got[0].Fact.Place() != "/etc/cron.d/x:3") {
			t.Errorf("%s: got %+v", command, got)
		}
	}
	s := &snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{
		Source: "/etc/systemd/system/x.service", Command: "/opt/x", Running: true,
		Scripts: []snapshot.Text{{Path: "/opt/x", Content: "#!/bin/sh\nwhile :; do\n  sed -i s/bind-address/bind-addres/ " + file + "\ndone\n"}},
	}}}}
	if got := Rewriters(s, wrong); len(got) != 1 || got[0].Fact.Place() != "/opt/x:3" {
		t.Errorf("got %+v", got)
	}
	s.Persistence.Entries[0].Package = "tool"
	if got := Rewriters(s, wrong); len(got) > 0 {
		t.Errorf("a package's: got %+v", got)
	}
}
