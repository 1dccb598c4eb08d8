package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func TestPortBlocked(t *testing.T) {
	contact := func(role, address, err string) snapshot.Contact {
		return snapshot.Contact{Component: "apiserver", Role: role, Address: address, Error: err}
	}
	any6 := []snapshot.Socket{{NetNS: "host", Protocol: "tcp", State: "listen", Address: "[::]:6443", Owners: []snapshot.SocketOwner{{PID: 7, Name: "kube-apiserver"}}}}
	local := []snapshot.Socket{{NetNS: "host", Protocol: "tcp", State: "listen", Address: "127.0.0.1:6443"}}
	full := []snapshot.Socket{{NetNS: "host", Protocol: "tcp", State: "listen", Address: "[::]:6443", Queue: 200, Backlog: 128}}
	for name, tc := range map[string]struct {
		contacts []snapshot.Contact
		sockets  []snapshot.Socket
		want     State
	}{
		"no answer":              {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "no answer within 300ms")}, any6, Seen},
		"refused":                {[]snapshot.Contact{contact("loopback", "127.0.0.1:6443", ""), contact("node", "10.0.0.1:6443", "refused")}, any6, Seen},
		"late once":              {[]snapshot.Contact{contact("loopback", "127.0.0.1:6443", ""), contact("node", "10.0.0.1:6443", "no answer within 300ms")}, any6, Absent},
		"answers":                {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "")}, any6, Absent},
		"a handshake that fails": {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "remote error: tls: bad certificate")}, any6, Absent},
		"nobody listens":         {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "refused")}, nil, NotLooked},
		"listens elsewhere":      {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "refused")}, local, NotLooked},
		"accepts no more":        {[]snapshot.Contact{contact("node", "10.0.0.1:6443", "no answer")}, full, NotLooked},
		"another node":           {[]snapshot.Contact{contact("kubeconfig", "10.0.0.9:6443", "no answer")}, any6, NotLooked},
	} {
		s := &snapshot.Snapshot{Probes: &snapshot.Probes{Contacts: tc.contacts}, Sockets: &snapshot.Sockets{Listening: tc.sockets}}
		if got, _ := portBlocked(s); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for age, want := range map[time.Duration]State{20 * time.Second: Absent, time.Hour: Seen} {
		s := &snapshot.Snapshot{At: at, Probes: &snapshot.Probes{Contacts: []snapshot.Contact{contact("node", "10.0.0.1:6443", "no answer within 300ms")}},
			Sockets: &snapshot.Sockets{Listening: any6}, Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 7, Start: at.Add(-age)}}}}
		if got, _ := portBlocked(s); got != want {
			t.Errorf("a process of %s that does not answer: %v", age, got)
		}
	}
	// On a busy node silence says something where a rule says why.
	rule := snapshot.FilterRule{Verdict: "drop", Protocol: "tcp", DstPorts: []string{"6000-7000"}, Packets: 3, Hooks: []snapshot.FilterHook{{Hook: "input"}}}
	for name, tc := range map[string]struct {
		change func(*snapshot.FilterRule)
		want   State
	}{
		"drops it":            {func(*snapshot.FilterRule) {}, Seen},
		"has dropped nothing": {func(r *snapshot.FilterRule) { r.Packets = 0 }, Absent},
		"another port":        {func(r *snapshot.FilterRule) { r.DstPorts = []string{"6000-6442"} }, Absent},
		"from elsewhere":      {func(r *snapshot.FilterRule) { r.From = []string{"192.0.2.0/24"} }, Absent},
		"on one interface":    {func(r *snapshot.FilterRule) { r.InLink = "eth1" }, Absent},
		"of UDP":              {func(r *snapshot.FilterRule) { r.Protocol = "udp" }, Absent},
		"never reached":       {func(r *snapshot.FilterRule) { r.Hooks = nil }, Absent},
		"the answers": {func(r *snapshot.FilterRule) {
			r.SrcPorts, r.DstPorts, r.Hooks = []string{"6443"}, nil, []snapshot.FilterHook{{Hook: "output"}}
		}, Seen},
	} {
		r := rule
		tc.change(&r)
		s := &snapshot.Snapshot{Probes: &snapshot.Probes{Contacts: []snapshot.Contact{contact("loopback", "127.0.0.1:6443", ""), contact("node", "10.0.0.1:6443", "no answer within 300ms")}},
			Sockets: &snapshot.Sockets{Listening: any6}, Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Netfilter: &snapshot.Netfilter{Rules: []snapshot.FilterRule{r}}}}}}
		if got, _ := portBlocked(s); got != tc.want {
			t.Errorf("a rule that %s: %v, want %v", name, got, tc.want)
		}
	}
	if got, _ := portBlocked(&snapshot.Snapshot{}); got != NotLooked {
		t.Errorf("without evidence: %v", got)
	}
}
