package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// chain prints the sums of the certificates that a server shows.
const chain = `openssl s_client -connect %s -showcerts </dev/null 2>/dev/null | awk '/BEGIN CERT/{n++} /BEGIN CERT/,/END CERT/{print > ("/dev/shm/kw-" n ".pem")}'
for f in $(ls -v /dev/shm/kw-*.pem); do openssl x509 -in $f -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f; done; rm -f /dev/shm/kw-*.pem`

func testProbes(ctx context.Context, t *testing.T, n Node) {
	p := n.Snapshot.Probes
	if p == nil {
		t.Fatal("not collected")
	}
	shown, named := 0, 0
	for _, x := range p.Contacts {
		if x.TLS != nil {
			shown++
			var got []string
			for _, c := range x.TLS.Chain {
				got = append(got, c.SHA256)
			}
			want, err := n.Lines(ctx, fmt.Sprintf(chain, x.Address))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s shows %v, openssl sees %v", x.Component, x.Address, got, want)
			}
		}
		if x.Component == "dns" && x.Role != "upstream" {
			named++
			lines, err := n.Lines(ctx, "getent ahostsv4 kubernetes.default.svc.cluster.local | awk '{print $1}' | sort -u; true")
			if err != nil {
				t.Fatal(err)
			}
			if want := []string{"10.96.0.1"}; x.Error == "" && (x.RCode != "success" || !slices.Equal(x.Answers, want) || len(lines) > 0 && !slices.Equal(lines, want)) {
				t.Errorf("%s over %s answers %s %v, want %v", x.Address, x.Protocol, x.RCode, x.Answers, want)
			}
		}
		if x.Component == "apiserver" && x.Error == "" { // a busy machine does not answer in time
			want, err := n.Lines(ctx, "curl -sk --max-time 3 https://"+x.Address+"/version | grep -o 'v[0-9][0-9.]*[^\"]*' | head -1; true")
			if err == nil && len(want) > 0 && strings.TrimSpace(want[0]) != x.Version {
				t.Errorf("%s is version %q, curl sees %q", x.Address, x.Version, want[0])
			}
			if x.Offset != 0 {
				t.Errorf("the clock of %s is told to be off by %v s, which is this node's", x.Address, x.Offset)
			}
		}
	}
	if shown < 3 || named < 4 {
		t.Errorf("%d servers were asked for certificates and %d name servers for a name: %+v", shown, named, p.Contacts)
	}
}
