package trust

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func TestEdits(t *testing.T) {
	const file, about = "/etc/kubernetes/manifests/kube-apiserver.yaml", "kube-apiserver does not know --bind-addres; registry.k8s.io/etcd:9.9.9 and https://10.0.0.2:6444 answer nobody"
	wrong := finding.Fact{Source: file, Line: 14, Got: "- --bind-addres=10.0.0.2", Want: "--bind-address"}
	args := finding.Fact{Source: file, Line: 15, Got: `ARGS="--v=40 --node-ip=10.0.0.2:23790 --bind-addres=10.0.0.2"`, Want: "--bind-address"}
	above := strings.Repeat("- --v=2\n", wrong.Line-1)
	for _, tt := range []struct {
		command string
		wrong   finding.Fact
		named   bool
	}{
		{"sed -i s/--bind-address/--bind-addres/ " + file, wrong, true},
		{"sed -i s/--bind-address/--bind-addres/ " + file, args, true},
		{"sed -i s/--bind-address/--bind-addres/ /etc/kubernetes/manifests/*", wrong, true},
		{"sed -i 's/- --bind-address.*/- --bind-addres=10.0.0.2/' " + file, wrong, true},
		{"grep -q addres= " + file + " || sed -i 's/bind-address=/bind-addres=/' " + file, wrong, true},
		{"sed -i s/--v=2/--v=40/ " + file, args, false}, // another word of the line
		{"sed -i s/--v=2/--v=4/ " + file, args, false},
		{"sed -i s/:23790/:2379/ " + file, args, false}, // a part of a word
		{`sed -i "s/--bind-addres=.*/--bind-addres=$IP/" ` + file, wrong, false},
		{"sed -i s/--v=2/--v=4/ " + file, wrong, false},
		{"sed -i s/--bind-address/--bind-addres/ /srv/x.yaml", wrong, false},
		{"sed s/--bind-address/--bind-addres/ " + file + " > /tmp/x", wrong, false},
		{"sed -i s/2/10/ " + file, wrong, false},
		{"sed -i s/--bind-addres/--bind-address/ " + file, wrong, false}, // mends it
		{"sed -i s#k8s.gcr.io#registry.k8s.io# " + file, finding.Fact{Source: file, Got: "image: registry.k8s.io/etcd:9.9.9", Want: "a tag"}, false},
		{"sed -i s/10.0.0.1/10.0.0.2/ " + file, finding.Fact{Source: file, Got: "server: https://10.0.0.2:6444", Want: "port 6443"}, false},
		{"cp /srv/broken.yaml " + file, wrong, true},
		{"install -m 600 /srv/broken.yaml " + file, wrong, true},
		{"cp -f /srv/kube-*.yaml /etc/kubernetes/manifests/", wrong, true},
		{"cmp -s /srv/kube-apiserver.yaml " + file + " || cp -t /etc/kubernetes/manifests /srv/kube-apiserver.yaml", wrong, true},
		{"cat /srv/broken.yaml > " + file, wrong, true},
		{"cat < /srv/broken.yaml | tee " + file + " > /dev/null", wrong, true},
		{"dd if=/srv/broken.yaml of=" + file, wrong, true},
		{"cat > " + file + " <<'E'\n" + above + wrong.Got + "\nE", wrong, true},
		{"tee " + file + " <<-E\n" + above + "\t" + wrong.Got + "\n\tE", wrong, true},
		{"cp /srv/sound.yaml " + file, wrong, false},                                                              // holds it elsewhere
		{"if ok; then cp " + file + " /srv/broken.yaml; else cp /srv/broken.yaml " + file + "; fi", wrong, false}, // there and back
		{"if ok; then cp " + file + " /srv/; else cp /srv/kube-apiserver.yaml " + file + "; fi", wrong, false},
		{"[ -f " + file + " ] || cp /srv/broken.yaml " + file, wrong, false}, // where there is none
		{"cp /srv/unread.yaml " + file, wrong, false},
		{"cp " + file + " /srv/broken.yaml", wrong, false},
		{"cat > " + file + " <<'E'\n" + wrong.Got + "\nE", wrong, false},
		{"cat /srv/broken.yaml /srv/sound.yaml > " + file, wrong, false},
		{"cp /srv/broken.yaml /etc/kubernetes/manifests/", wrong, false}, // by another name
	} {
		s := &snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{
			{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Command: tt.command, Enabled: true, Copies: []snapshot.Text{
				{Path: "/srv/broken.yaml", Content: above + wrong.Got}, {Path: "/srv/kube-apiserver.yaml", Content: above + wrong.Got},
				{Path: "/srv/sound.yaml", Content: wrong.Got + "\n" + above + "- --bind-address=10.0.0.2\n"}}}}}}
		named := ""
		for _, e := range Edits(s) {
			if e.Leaves(tt.wrong, about) {
				named = e.Fact.Place()
			}
		}
		if want := map[bool]string{true: "/etc/cron.d/x:3"}[tt.named]; named != want {
			t.Errorf("%s: named %q, want %q", tt.command, named, want)
		}
	}
}

// An entry that copies one file and does nothing else may be taken out.
func TestSole(t *testing.T) {
	for command, want := range map[string]bool{
		"cp /srv/a /etc/x":                       true,
		"cp /srv/a /srv/b /etc":                  false, // the other may be needed
		"cp /srv/a /etc/x; cp /srv/c /etc/y":     false,
		"cp /srv/* /etc":                         false,
		"cp /srv/a /etc/x; systemctl stop y":     false,
		"cp /srv/a /etc/x; echo done":            true,
		"sed -i s/abcd/efgh/ /x; cp /srv/a /etc": true,
	} {
		e := snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 1, Enabled: true, Command: command,
			Copies: []snapshot.Text{{Path: "/srv/a", Content: "a"}, {Path: "/srv/b", Content: "b"}}}
		list := Edits(&snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{e}}})
		if len(list) == 0 || list[0].Sole != want {
			t.Errorf("%s: %+v, want %v", command, list, want)
		}
	}
}

// Who is more than its edit, or a package's, is for a person.
func TestEditsOfWhom(t *testing.T) {
	copies := func(e *snapshot.Persistent) {
		e.Scripts, e.Command, e.Copies = nil, "cp /srv/a /etc/y", []snapshot.Text{{Path: "/srv/a", Content: "efgh"}}
	}
	for name, tt := range map[string]struct {
		change func(*snapshot.Persistent)
		want   string
	}{
		"a service that copies": {copies, "/etc/systemd/system/x.service/etc/systemd/system/x.service"},
		"one that fills a gap with a text": {func(e *snapshot.Persistent) {
			e.Scripts, e.Command = nil, "cat >/etc/y <<E\nefgh\nE"
			e.Files = []snapshot.Text{{Content: "[Unit]\nConditionPathExists=!/etc/y\n"}}
		}, ""},
		"one that fills a gap": {func(e *snapshot.Persistent) {
			copies(e)
			e.Files = []snapshot.Text{{Content: "[Unit]\nConditionPathExists=!/etc/y\n"}}
		}, ""},
		"a service":                  {func(*snapshot.Persistent) {}, "/opt/x:3"},
		"a package's":                {func(e *snapshot.Persistent) { e.Package = "tool" }, ""},
		"a package's table, changed": {func(e *snapshot.Persistent) { e.Kind, e.Package, e.Sum = "crontab", "cron", "differs" }, "/opt/x:3"},
		"not enabled":                {func(e *snapshot.Persistent) { e.Running = false }, ""},
		"the kubelet": {func(e *snapshot.Persistent) {
			e.Source, e.Unit = "/etc/systemd/system/kubelet.service", "kubelet.service"
		}, ""},
		"a drop-in":                 {func(e *snapshot.Persistent) { e.Kind = "drop-in" }, ""},
		"what the first boot does":  {func(e *snapshot.Persistent) { e.Kind = "cloud-init" }, ""},
		"changed, and a whole file": {func(e *snapshot.Persistent) { e.Package, e.Sum = "tool", "differs" }, ""},
		"a profile":                 {func(e *snapshot.Persistent) { e.Kind = "profile" }, ""},
	} {
		e := snapshot.Persistent{Kind: "service", Source: "/etc/systemd/system/x.service", Unit: "x.service", Line: 7, Command: "/opt/x", Running: true,
			Scripts: []snapshot.Text{{Path: "/opt/x", Content: "#!/bin/sh\nwhile :; do\n  sed -i s/abcd/efgh/ /etc/y\ndone\n"}}}
		tt.change(&e)
		got := ""
		for _, x := range Edits(&snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{e}}}) {
			got += x.Fact.Place()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
