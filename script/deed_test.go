package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDeeds(t *testing.T) {
	for text, want := range map[string][]string{
		"systemctl stop kubelet containerd.service":                       {"unit stop kubelet", "unit stop containerd.service"},
		"systemctl --user stop x":                                         nil,
		"systemctl restart kubelet":                                       nil,
		"u=kubelet\nsystemctl mask --now $u":                              {"unit mask kubelet"},
		"echo 0 > /proc/sys/net/ipv4/ip_forward":                          {"sysctl write net.ipv4.ip_forward=0"},
		"sysctl -w net.ipv4.ip_forward=0":                                 {"sysctl set net.ipv4.ip_forward=0"},
		"sysctl --system":                                                 nil,
		"sysctl net.ipv4.ip_forward":                                      nil,
		"d=/etc/cni/net.d; cat > \"$d/05-x.conf\" <<E\n{}\nE":             {"file write /etc/cni/net.d/05-x.conf"},
		"cp /etc/kubernetes/admin.conf /root/backup":                      {"file write /root/backup"},
		"mv /etc/kubernetes/manifests/etcd.yaml /tmp/":                    {"file remove /etc/kubernetes/manifests/etcd.yaml", "file write /tmp/"},
		"sed -i s/a/b/ /etc/kubernetes/manifests/x.yaml":                  {"file write /etc/kubernetes/manifests/x.yaml"},
		"iptables -I INPUT -p tcp --dport 6443 -j DROP":                   {"filter iptables -I INPUT -p tcp --dport 6443 -j DROP"},
		"iptables -S | logger":                                            nil,
		"nft add rule inet x y drop; nft list ruleset":                    {"filter nft add rule inet x y drop"},
		"tc qdisc replace dev eth0 root netem delay 1s":                   {"qdisc replace qdisc replace dev eth0 root netem delay 1s"},
		"tc -s qdisc show":                                                nil,
		"ip link set cni0 down":                                           {"link ip link set cni0 down"},
		"ip route show":                                                   nil,
		"chattr +i /etc/hosts; chattr -i /etc/x":                          {"fixed chattr /etc/hosts"},
		"pkill -STOP etcd":                                                {"process pkill etcd"},
		"kill -0 $pid":                                                    nil,
		"kubectl get po -A":                                               nil,
		"kubectl -n kube-system scale deploy coredns --replicas=0":        {"object kube-system kube-system scale deploy coredns"},
		"[ -f /x ] && rm -f /etc/cni/net.d/10.conflist 2>/dev/null":       {"file remove /etc/cni/net.d/10.conflist"},
		"# systemctl stop kubelet\necho systemctl stop kubelet":           nil,
		"etcdctl snapshot save /backup/x; find /backup -mtime +7 -delete": nil,
		"for u in kubelet; do systemctl stop kubelet; done":               {"unit stop kubelet"},
	} {
		var got []string
		for _, d := range Deeds(text) {
			got = append(got, fmt.Sprintf("%s %s %s", d.Kind, d.Verb, d.Object))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if d := Deeds("a\n\nsystemctl stop kubelet # now\n"); len(d) != 1 || d[0].Line != 3 || d[0].Text != "systemctl stop kubelet # now" {
		t.Errorf("got %+v", d)
	}
}

func TestDeedsLeave(t *testing.T) {
	for text, want := range map[string]string{
		`sed -i s/--bind-address/--bind-addres/ /m/x.yaml`:                         `/m/x.yaml "--bind-addres"`,
		`sed -i.bak -E -e 's|(--etcd-servers=).*|\1https://10.0.0.9:2379|g' /a /b`: `/a "https://10.0.0.9:2379" /b "https://10.0.0.9:2379"`,
		`sed -Ei 's#/pki/ca\.crt#/pki/old.crt#;s/x\/y/& z\/y/' /a`:                 `/a "/pki/old.crt" "z/y"`,
		`sed -i '/kube-apiserver$/a\    - --max-requests-inflight=1' /a`:           `/a "- --max-requests-inflight=1"`,
		"sed --in-place '4i x: y\n$d' /a":                                          `/a "x: y"`,
		`sed -i '/probe/d' /a`:                                                     `/a`,
		`sed -i -f /s /a`:                                                          `/a`,
		`sed s/a/b/ /a`:                                                            ``,
		`perl -pi -e 's/cniVersion/cniversion/' /a`:                                `/a "cniversion"`,
		`perl -i -pe 's{a\}} {b}g; s(c)(d)' /a`:                                    `/a "b" "d"`,
		`echo "- --v=99 & more" >> /a`:                                             `/a "- --v=99 & more"`,
		`printf 'a: b\nc: d\n' > /a`:                                               `/a "a: b" "c: d"`,
		`echo nameserver 192.0.2.1 | tee -a /a`:                                    `/a "nameserver 192.0.2.1"`,
		`x=$(date; echo nameserver 192.0.2.1 | tee -a /a)`:                         `/a "nameserver 192.0.2.1"`,
		`cp /a /b`: `/b`,
		`sed -i "s/pki\/ca.crt/pki\/old.crt/" /a`:      `/a "pki/old.crt"`,
		`sed -i "s/--node-ip=.*/--node-ip=$IP/" /a`:    `/a`,
		`sed -i "s/x/${a}b/; s/y/--v=99/" /a`:          `/a "b" "--v=99"`,
		`sed -i -e '/x/a\' -e '  y: z' -- /a`:          `/a "y: z"`,
		"sed -i '/x/a\\\n  y: z\\\n  w: v\ns/a/b/' /a": `/a "y: z" "w: v" "b"`,
		`sed -i 'y/abc/xyz/; # s/a/b/' /a`:             `/a`,
		`perl -Mstrict -ne 'print' /a`:                 ``,
		`perl -I/usr/lib -e 'if (/i/) {die}' /a`:       ``,
		`perl -pi -e 'if (/a/) {s/b/cdef/}' /a`:        `/a "cdef"`,
	} {
		var got []string
		for _, d := range Deeds(text) {
			got = append(got, d.Object)
			for _, l := range d.Leaves {
				got = append(got, strconv.Quote(l))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: got %s, want %s", text, s, want)
		}
	}
}

func TestDeedsHold(t *testing.T) {
	for text, want := range map[string]string{
		"cp -af /a /b":                            "/b from /a",
		"cp /a /b /c/":                            "/c/ from /a /b",
		"install -o root -m 644 /a /b":            "/b from /a",
		"cp --target-directory=/c /a":             "/c from /a",
		"s=/opt/x; cp $s/a.yaml /b":               "/b from /opt/x/a.yaml",
		"cp /a":                                   "",
		"dd bs=1M if=/a of=/b":                    "/b from /a",
		"dd if=/a":                                "",
		"cat /a >/b":                              "/b from /a",
		"cat </a >>/b":                            "/b",
		"cat /a | tee -a /b":                      "/b",
		"cat /a >>/c; cat /a >/b":                 "/c /b from /a",
		"cp -n /a /b; cp -au /a /b; ln -sf /a /b": "/b /b /b",
		"dd if=/a of=/b skip=1":                   "/b",
		"[ -f /b ] || cp /a /b":                   "/b",
		"b=/b\nif ! test -e $b; then echo; fi; test ! -e \"$b\" && cp /a $b": "/b",
		"if [ ! -e /b ]; then\n  cp /a /b\nfi":                               "/b",
		"[ -f /c/a ] || cp /a /c/":                                           "/c/",
		"if [ ! -f /c/a ]; then\n mkdir -p /c\n cp /a /c\nfi":                "/c",
		"[ -e /b ] && exit 0\ncp /a /b":                                      "/b",
		"[ -f /b ] && cp /a /b":                                              "/b from /a",
		"cmp -s /a /b || cp /a /b":                                           "/b from /a",
		"[ -f /a ] && cp /a /b":                                              "/b from /a",
		"dd if=/a of=/dev/null":                                              "",
		"while :; do :; done <<E; cat /x > /f\ny\nE":                         "/f from /x",
		"sed s/a/b/ <<E >/f\ny\nE":                                           "/f",
		"s=/a; cat $s | tee /b":                                              "/b from /a",
		"tee /b < /a":                                                        "/b from /a",
		"grep x /a > /b":                                                     "/b",
		"cat > /b <<E\nx: y\n  z\nE\ncp /a /c":                               `/b holding "x: y\n  z\n" /c from /a`,
		"tee /b <<-'E' >/dev/null\n\tx\n\tE\necho":                           `/b holding "x\n"`,
		"cat <<E | tee /b\nx\nE":                                             `/b holding "x\n"`,
		"cat <<E":                                                            "",
		"cat <<E >/b\nx":                                                     `/b holding "x\n"`,
	} {
		var got []string
		for _, d := range Deeds(text) {
			got = append(got, d.Object)
			if len(d.From) > 0 {
				got = append(got, "from "+strings.Join(d.From, " "))
			}
			if d.Holds != "" {
				got = append(got, "holding "+strconv.Quote(d.Holds))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: got %s, want %s", text, s, want)
		}
	}
}

func FuzzDeeds(f *testing.F) {
	f.Add("x=1\nrm $x > ${x}; iptables -F | mount --bind a b")
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range Deeds(text) {
			if d.Kind == "" || d.Verb == "" {
				t.Errorf("%q: %+v", text, d)
			}
		}
	})
}
