package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// certScript prints of every certificate in the PKI folders its file, its sum
// and its dates, one certificate a line.
const certScript = `one() { openssl x509 -noout -fingerprint -sha256 -enddate -serial | tr '\n' ' '; }
for f in $(find /etc/kubernetes/pki /var/lib/kubelet/pki \( -type f -o -type l \) \( -name '*.crt' -o -name '*.pem' \) 2>/dev/null); do
  block=
  while IFS= read -r line; do
    case $line in '-----BEGIN CERTIFICATE-----') block=$line ;; *) [ -n "$block" ] && block=$block$'\n'$line ;; esac
    if [ "$line" = '-----END CERTIFICATE-----' ]; then echo "$f $(one <<<"$block")"; block=; fi
  done <"$f"
done`

// keyScript prints of every key its file and the sum of its public half.
const keyScript = `for f in $(find /etc/kubernetes/pki /var/lib/kubelet/pki \( -type f -o -type l \) \( -name '*.key' -o -name '*.pem' \) 2>/dev/null); do
  echo "$f $(openssl pkey -in "$f" -pubout -outform DER | sha256sum | cut -d' ' -f1)"
done
f=/etc/kubernetes/pki/sa.pub
[ -e $f ] && echo "$f $(openssl pkey -pubin -in $f -pubout -outform DER | sha256sum | cut -d' ' -f1)" || true`

func testPKI(ctx context.Context, t *testing.T, n Node) {
	p := n.Snapshot.PKI
	if p == nil {
		t.Fatal("not collected")
	}
	var got []string
	for _, c := range p.Certificates {
		if strings.HasPrefix(c.Path, "/etc/kubernetes/pki/") || strings.HasPrefix(c.Path, "/var/lib/kubelet/pki/") {
			got = append(got, fmt.Sprintf("%s %s %s %s", c.Path, c.SHA256, c.NotAfter.Format("Jan _2 15:04:05 2006"), c.Serial))
		}
	}
	lines, err := n.Lines(ctx, certScript)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range lines {
		f := strings.Fields(l)
		if len(f) < 8 {
			t.Fatalf("cannot read %q", l)
		}
		i := slices.IndexFunc(f, func(x string) bool { return strings.HasPrefix(x, "notAfter=") })
		sum := strings.ToLower(strings.ReplaceAll(f[2][strings.IndexByte(f[2], '=')+1:], ":", ""))
		date := strings.TrimPrefix(strings.Join(f[i:i+4], " "), "notAfter=")
		if len(f[i+1]) == 1 {
			date = strings.Replace(date, " ", "  ", 1)
		}
		serial := strings.TrimLeft(strings.ToLower(strings.TrimPrefix(f[len(f)-1], "serial=")), "0")
		want = append(want, fmt.Sprintf("%s %s %s %s", f[0], sum, date, serial))
	}
	same(t, "certificates", got, want)

	var keys []string
	for _, k := range p.Keys {
		if !strings.Contains(k.Path, "#") {
			keys = append(keys, k.Path+" "+k.SPKI)
		}
	}
	lines, err = n.Lines(ctx, keyScript)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "keys", keys, lines)
	testEdges(ctx, t, n, p.Edges)
}

// pemOf is shell that prints the PEM of a file or of what a kubeconfig embeds.
func pemOf(name string) string {
	file, where, inside := strings.Cut(name, "#")
	switch {
	case !inside:
		return "cat " + file
	case strings.HasPrefix(where, "clusters/"):
		return "grep -m1 certificate-authority-data " + file + " | awk '{print $2}' | base64 -d"
	}
	return "grep -m1 client-certificate-data " + file + " | awk '{print $2}' | base64 -d"
}

// testEdges has openssl verify each edge.
func testEdges(ctx context.Context, t *testing.T, n Node, edges []snapshot.Edge) {
	if len(edges) == 0 {
		t.Error("no edge was found")
	}
	for _, x := range edges {
		if x.Error != "" {
			t.Errorf("%s to %s: %s", x.Client, x.Server, x.Error)
		}
		if x.Checks != snapshot.EdgeClient && x.Checks != snapshot.EdgeServer || x.CA == "" {
			if x.Pair != snapshot.Yes {
				t.Errorf("%s to %s (%s): pair is %q", x.Client, x.Server, x.Checks, x.Pair)
			}
			continue
		}
		purpose := "-purpose ssl" + x.Checks
		if x.Address != "" {
			kind := "-verify_hostname "
			if strings.Trim(x.Address, "0123456789.") == "" || strings.Contains(x.Address, ":") {
				kind = "-verify_ip "
			}
			purpose += " " + kind + x.Address
		}
		if strings.HasPrefix(x.Client, "signed by") {
			purpose = "" // an authority, not a client
		}
		script := fmt.Sprintf("openssl verify %s -CAfile <(%s) -untrusted <(%s) <(%s) >/dev/null 2>&1 && echo ok || echo no", purpose, pemOf(x.CA), pemOf(x.Cert), pemOf(x.Cert))
		lines, err := n.Lines(ctx, script)
		if err != nil {
			t.Fatal(err)
		}
		sound := x.Signed == snapshot.Yes && x.Valid == snapshot.Yes && x.Usage == snapshot.Yes && x.Covers != snapshot.No
		if strings.Join(lines, "") == "ok" != sound {
			t.Errorf("%s to %s (%s, %s for %s): openssl says %v, collected was %+v", x.Client, x.Server, x.Checks, x.Cert, x.CA, lines, x)
		}
	}
}
