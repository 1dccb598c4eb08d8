package name

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const node = `
-- etc/resolv.conf --
# by hand
nameserver 10.0.0.2
nameserver	10.0.0.3 # second
 nameserver 10.0.0.4
search corp.example  svc.example
options ndots:5 timeout:1
namserver 10.0.0.5
-- etc/hosts --
127.0.0.1	localhost
10.0.0.9 api.example API
10.0.0.8 api.example # later
::1 localhost
10.0.0 broken
10.0.0.7                                                                                                   registry.k8s.io
-- etc/nsswitch.conf --
passwd:  files
hosts:   files [NOTFOUND=return !UNAVAIL=continue] mymachines dns
-- etc/host.conf --
multi on
-- etc/gai.conf --
precedence ::ffff:0:0/96  100
-- etc/systemd/resolved.conf --
[Resolve]
DNS=10.0.0.2
#Domains=
-- usr/lib/systemd/resolved.conf.d/50.conf --
[Resolve]
DNS=1.1.1.1
-- etc/systemd/resolved.conf.d/50.conf --
[Other]
DNS=9
[Resolve]
DNS= 10.0.0.6 \
 10.0.0.7
-- run/systemd/resolve/stub-resolv.conf --
nameserver 127.0.0.53
-- run/systemd/resolve/resolv.conf --
nameserver 10.0.0.2
`

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(node)).Files {
		p := filepath.Join(dir, f.Name)
		os.MkdirAll(filepath.Dir(p), 0o755)
		os.WriteFile(p, f.Data, 0o644)
	}
	e := source.New(dir, false)
	s := &snapshot.Snapshot{Kubelet: &snapshot.Kubelet{Effective: map[string]snapshot.Effective{"resolvConf": {Origin: snapshot.Origin{Value: "/run/systemd/resolve/resolv.conf"}}}}}
	if err := collect(context.Background(), e, s); err != nil || len(e.Gaps()) > 0 {
		t.Fatal(err, e.Gaps())
	}
	n := s.Names
	want := &snapshot.Names{
		Resolvers: []snapshot.Resolver{
			{Path: "/etc/resolv.conf", For: []string{"node"},
				Servers: []snapshot.ConfLine{{Line: 2, Key: "nameserver", Value: "10.0.0.2"}, {Line: 3, Key: "nameserver", Value: "10.0.0.3"}},
				Search:  []snapshot.ConfLine{{Line: 5, Key: "search", Value: "corp.example svc.example"}},
				Options: []snapshot.ConfLine{{Line: 6, Key: "options", Value: "ndots:5 timeout:1"}},
				Ignored: []snapshot.ConfLine{{Line: 4, Value: "nameserver 10.0.0.4"}, {Line: 7, Value: "namserver 10.0.0.5"}}},
			{Path: "/run/systemd/resolve/resolv.conf", For: []string{"kubelet", "resolved"}, Servers: []snapshot.ConfLine{{Line: 1, Key: "nameserver", Value: "10.0.0.2"}}},
			{Path: "/run/systemd/resolve/stub-resolv.conf", For: []string{"resolved"}, Servers: []snapshot.ConfLine{{Line: 1, Key: "nameserver", Value: "127.0.0.53"}}},
		},
		Hosts: []snapshot.HostsLine{
			{Line: 1, Address: "127.0.0.1", Names: []string{"localhost"}}, {Line: 2, Address: "10.0.0.9", Names: []string{"api.example", "API"}},
			{Line: 3, Address: "10.0.0.8", Names: []string{"api.example"}}, {Line: 4, Address: "::1", Names: []string{"localhost"}},
			{Line: 5, Address: "10.0.0", Names: []string{"broken"}, Bad: true}, {Line: 6, Address: "10.0.0.7", Names: []string{"registry.k8s.io"}, Padded: true},
		},
		Twice:    []snapshot.NameTwice{{Name: "api.example", Addresses: []string{"10.0.0.9", "10.0.0.8"}, Lines: []int{2, 3}}},
		Switch:   []snapshot.ConfLine{{Line: 1, Key: "passwd", Value: "files"}, {Line: 2, Key: "hosts", Value: "files [NOTFOUND=return !UNAVAIL=continue] mymachines dns"}},
		HostConf: []snapshot.ConfLine{{Line: 1, Key: "multi", Value: "on"}},
		GaiConf:  []snapshot.ConfLine{{Line: 1, Key: "precedence", Value: "::ffff:0:0/96 100"}},
		Resolved: []snapshot.ConfLine{{Source: "/etc/systemd/resolved.conf", Line: 2, Key: "DNS", Value: "10.0.0.2"}, {Source: "/etc/systemd/resolved.conf.d/50.conf", Line: 4, Key: "DNS", Value: "10.0.0.6 10.0.0.7"}},
		Shown:    []string{"resolv.conf", "stub-resolv.conf"},
	}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("got  %+v\nwant %+v", n, want)
	}
}

func FuzzNames(f *testing.F) {
	for _, x := range txtar.Parse([]byte(node)).Files {
		f.Add(x.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parseResolv(&snapshot.Resolver{}, data)
		twice(parseHosts(data))
		parseINI(data, "Resolve")
		parseLines(data, ":")
	})
}
