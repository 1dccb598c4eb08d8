package probe

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWrongs(t *testing.T) {
	const at = "spec.containers[0].livenessProbe.httpGet."
	for what, tc := range map[string]struct {
		component, flag, value string
		probe                  snapshot.ManifestProbe
		want                   string // what belongs there; "" when nothing is wrong
	}{
		"as kubeadm":                    {"kube-controller-manager", "bind-address", "127.0.0.1", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/healthz", Number: 10257, Scheme: "HTTPS"}, ""},
		"no page of it":                 {"kube-controller-manager", "bind-address", "127.0.0.1", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/livez", Number: 10257, Scheme: "HTTPS"}, "/healthz"},
		"another host":                  {"kube-scheduler", "bind-address", "10.0.0.5", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/livez", Number: 10259, Scheme: "HTTPS"}, "10.0.0.5"},
		"at all addresses":              {"kube-scheduler", "bind-address", "0.0.0.0", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/livez", Number: 10259, Scheme: "HTTPS"}, ""},
		"at all addresses of IPv6":      {"kube-scheduler", "bind-address", "::", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/livez", Number: 10259, Scheme: "HTTPS"}, ""},
		"etcd of IPv6":                  {"etcd", "listen-metrics-urls", "http://[::1]:2381", snapshot.ManifestProbe{Host: "::1", Path: "/livez", Number: 2381, Scheme: "HTTP"}, ""},
		"etcd of IPv6, all addresses":   {"etcd", "listen-metrics-urls", "http://[::]:2381", snapshot.ManifestProbe{Host: "::1", Path: "/health", Number: 2381, Scheme: "HTTP"}, ""},
		"below etcd's old page":         {"etcd", "listen-metrics-urls", "http://127.0.0.1:2381", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/health/live", Number: 2381, Scheme: "HTTP"}, "/livez"},
		"one check of etcd":             {"etcd", "listen-metrics-urls", "http://127.0.0.1:2381", snapshot.ManifestProbe{Host: "127.0.0.1", Path: "/livez/serializable_read", Number: 2381, Scheme: "HTTP"}, ""},
		"etcd of IPv6, another address": {"etcd", "listen-metrics-urls", "http://[fd00::5]:2381", snapshot.ManifestProbe{Host: "::1", Path: "/livez", Number: 2381, Scheme: "HTTP"}, "fd00::5"},
	} {
		tc.probe.Kind, tc.probe.How = "liveness", "httpGet"
		c := snapshot.ManifestContainer{Command: tc.component, Flags: []snapshot.Flag{{Name: tc.flag, Value: tc.value}}, Probes: []snapshot.ManifestProbe{tc.probe}}
		m := snapshot.Manifest{Fields: []snapshot.Field{{Path: at + "path"}, {Path: at + "host"}, {Path: at + "port"}, {Path: at + "scheme"}}}
		got := ""
		for _, w := range wrongs(&snapshot.Snapshot{}, manifest.Part{File: m, Container: c}) {
			got += w.want
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", what, got, tc.want)
		}
	}
}
