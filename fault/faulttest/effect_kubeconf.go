package faulttest

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// componentsAstray: a component whose kubeconfig leads nowhere runs and does
// nothing; one whose context is not there ends.
func componentsAstray(m *Machine, s *snapshot.Snapshot) {
	if s.Cluster == nil || m.World.Units[kubeletUnit] != "active" {
		return
	}
	for name, file := range map[string]string{"kube-controller-manager": "/etc/kubernetes/controller-manager.conf", "kube-scheduler": "/etc/kubernetes/scheduler.conf"} {
		p, ok := manifest.Find(s, name)
		if !ok {
			continue
		}
		text := string(m.all()[file].Data)
		value := func(key string) string {
			for line := range strings.Lines(text) {
				if v, ok := strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- ")), key+": "); ok {
					return v
				}
			}
			return ""
		}
		server := value("server")
		if f, ok := p.Flag("master"); ok {
			server = f.Value
		}
		log := "/var/log/pods/kube-system_" + name + "-" + s.Node + "_0a/" + name + "/1.log"
		switch at, plain := strings.CutPrefix(server, "http://"); {
		case text == "":
		case !slices.Contains(strings.Fields(text), value("current-context")) || strings.Count(text, value("current-context")) < 2:
			componentDown(s, name, end{Log: `"command failed" err="context \"` + value("current-context") + `\" does not exist"`})
		case plain || value("as") != "" || value("tls-server-name") != "":
			idle(s, name, s.Node+"_0b")
		case value("proxy-url") != "":
			at = strings.TrimPrefix(value("proxy-url"), "http://")
			fallthrough
		case server != "https://172.20.0.2:6443":
			at = strings.TrimPrefix(at, "https://")
			observe(s, "dial-refused", log, `"Error retrieving lease lock" err="Get \"`+server+`/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/`+name+`\": dial tcp `+at+`: connect: connection refused"`, map[string]string{"addr": at})
			idle(s, name, s.Node+"_0b")
		}
	}
}
