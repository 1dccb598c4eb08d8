package registryca

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

const unknown = `failed to pull and unpack image "reg.corp/x:1": failed to do request: Head "https://reg.corp/v2/x/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority`

// waiting is a pod of node cp1 that waits for an image.
func waiting(image, message string) snapshot.Pod {
	return snapshot.Pod{Namespace: "shop", Name: "cart", Node: "cp1", Phase: "Pending", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{
		{Name: "main", Image: image, State: "waiting", Reason: "ErrImagePull", Message: message}}}}
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Cluster.Pods = append(m.World.Cluster.Pods, waiting("reg.corp/x:1", unknown))
	}))
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		image, said string
		host        *snapshot.RegistryHost
		line        *snapshot.HostsLine
		want        string // of the summary, "" for no finding
	}{
		"nobody's authority":   {"reg.corp/x:1", unknown, nil, nil, "no authority that it trusts"},
		"another host's":       {"reg.corp/x:1", "x509: certificate is valid for other.corp, not reg.corp", nil, nil, "another host's"},
		"out of its time":      {"reg.corp/x:1", "x509: certificate has expired or is not yet valid", nil, nil, ""},
		"it does not answer":   {"reg.corp/x:1", "dial tcp 10.0.0.5:443: i/o timeout", nil, nil, ""},
		"by its configuration": {"reg.corp/x:1", unknown, &snapshot.RegistryHost{Registry: "reg.corp", Mirror: "https://reg.corp", CA: []string{"/ca.crt"}, Path: "/h.toml", Line: 4}, nil, "by what /h.toml:4 has it trust"},
		"another's authority":  {"reg.corp/x:1", unknown, &snapshot.RegistryHost{Registry: "other.corp", CA: []string{"/ca.crt"}, Path: "/h.toml", Line: 4}, nil, "no authority that it trusts"},
		"of a mirror":          {"reg.corp/x:1", strings.ReplaceAll(unknown, "https://reg.corp", "https://mirror.corp"), &snapshot.RegistryHost{Registry: "reg.corp", Mirror: "https://mirror.corp", Path: "/h.toml"}, nil, ""},
		"sent astray":          {"reg.corp/x:1", unknown, nil, &snapshot.HostsLine{Line: 7, Address: "127.0.0.1", Names: []string{"reg.corp"}}, ""},
		"sent somewhere":       {"reg.corp/x:1", unknown, nil, &snapshot.HostsLine{Line: 7, Address: "10.0.0.5", Names: []string{"reg.corp"}}, "no authority that it trusts"},
		"no pod waits":         {"", "", nil, nil, ""},
	} {
		s := faulttest.New(t).Snapshot()
		if tt.image != "" {
			s.Cluster.Pods = append(s.Cluster.Pods, waiting(tt.image, tt.said))
		}
		if tt.host != nil {
			s.Runtime.Settings.Registry = &snapshot.Registry{Hosts: []snapshot.RegistryHost{*tt.host}}
		}
		if tt.line != nil {
			s.Names.Hosts = append(s.Names.Hosts, *tt.line)
		}
		got := detect(s)
		if len(got) > 1 || len(got) > 0 != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
