package boot

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
)

func cluster(controlPlanes, workers int) *Cluster {
	c := &Cluster{Image: image.Image{Kubernetes: "v1.37.2"}, NodeSubnet: "10.213.0.0/24", CgroupDriver: "cgroupfs"}
	for _, name := range []string{"cp1", "cp2", "cp3"}[:controlPlanes] {
		c.Nodes = append(c.Nodes, &node.Node{Name: name, Role: node.ControlPlane, Address: "10.213.0.1" + name[2:]})
	}
	for _, name := range []string{"worker1", "worker2", "worker3"}[:workers] {
		c.Nodes = append(c.Nodes, &node.Node{Name: name, Role: node.Worker, Address: "10.213.0.2" + name[6:]})
	}
	c.secrets = secrets{token: "abcdef.0123456789abcdef", certificateKey: "00"}
	return c
}

func TestStepsFollowTheTopology(t *testing.T) {
	for _, c := range []struct {
		controlPlanes, workers int
		want                   string
	}{
		{1, 0, "kubeadm init on cp1|set up the pod network"},
		{1, 2, "kubeadm init on cp1|kubeadm join of workers|set up"},
		{3, 1, "init on cp1|kubeadm join of control plane cp2|kubeadm join of control plane cp3|kubeadm join of workers|"},
	} {
		var names []string
		for _, s := range cluster(c.controlPlanes, c.workers).Steps() {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, "|"); !strings.Contains(got, c.want) {
			t.Errorf("%d+%d: got %q, want %q in it", c.controlPlanes, c.workers, got, c.want)
		}
	}
}

func TestInitConfigurationIsYAML(t *testing.T) {
	for _, c := range []*Cluster{cluster(1, 1), cluster(3, 0)} {
		text, err := render("kubeadm-init.yaml", c.initValues())
		if err != nil {
			t.Fatal(err)
		}
		kinds := kinds(t, text)
		want := "InitConfiguration ClusterConfiguration KubeletConfiguration KubeProxyConfiguration"
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := strings.Contains(text, "controlPlaneEndpoint: "+BalancerAddress); got != c.balanced() {
			t.Errorf("endpoint of the balancer is there: %v, want %v", got, c.balanced())
		}
	}
}

func kinds(t *testing.T, text string) []string {
	t.Helper()
	var list []string
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc struct{ Kind string }
		if err := dec.Decode(&doc); err != nil {
			if err.Error() == "EOF" {
				return list
			}
			t.Fatalf("%v in\n%s", err, text)
		}
		list = append(list, doc.Kind)
	}
}

func TestCanaryManifest(t *testing.T) {
	text, err := canary(2)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(kinds(t, text), " "); got != "Namespace Deployment Service Deployment Service" {
		t.Errorf("got %q in\n%s", got, text)
	}
	if strings.Count(text, "type: NodePort") != 1 {
		t.Errorf("want one NodePort in\n%s", text)
	}
}

func TestJoinConfigurationKnowsControlPlanes(t *testing.T) {
	c := cluster(3, 1)
	for _, n := range c.Nodes[1:] {
		text, err := c.joinConfig(n, "sha256:0")
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			ControlPlane *struct{ CertificateKey string } `yaml:"controlPlane"`
		}
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil || (doc.ControlPlane != nil) != (n.Role == node.ControlPlane) {
			t.Errorf("%s: %v in\n%s", n.Name, err, text)
		}
	}
}

func TestRenderWantsEveryValue(t *testing.T) {
	if text, err := render("cni.json", nil); err == nil || !strings.Contains(err.Error(), "${PodCIDR}") {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestCNIConfigurationIsJSON(t *testing.T) {
	text, err := render("cni.json", values{"PodCIDR": "10.244.1.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		CNIVersion string
		Plugins    []struct{ Type string }
	}
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if config.CNIVersion != "1.1.0" || len(config.Plugins) != 2 || !strings.Contains(text, "10.244.1.0/24") {
		t.Errorf("got %+v", config)
	}
}

func TestRoutesLeadToTheOthers(t *testing.T) {
	c := cluster(1, 2)
	subnets, err := parseSubnets("cp1 10.244.0.0/24\nworker1 10.244.1.0/24\nworker2 10.244.2.0/24\n", c.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	want := "route replace 10.244.0.0/24 via 10.213.0.11\nroute replace 10.244.2.0/24 via 10.213.0.22\n"
	if got := routes(c.Nodes[1], c.Nodes, subnets); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := parseSubnets("cp1 10.244.0.0/24\nworker1 \n", c.Nodes); err == nil || !strings.Contains(err.Error(), "worker1") {
		t.Errorf("got %v, want an error that names worker1", err)
	}
}

func TestSecretsAreJoinTokens(t *testing.T) {
	s, err := newSecrets()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.token) != 23 || s.token[6] != '.' || len(s.certificateKey) != 64 {
		t.Errorf("got %+v", s)
	}
}

func TestCAHashRefusesNonsense(t *testing.T) {
	for _, text := range []string{"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := caHash([]byte(text)); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
}

func TestStepErrorSaysStepAndLogs(t *testing.T) {
	cause := errors.New("no route")
	err := &StepError{Step: "join", Cause: cause, Logs: "--- journal of cp1 ---"}
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), `step "join" failed: no route`) || !strings.Contains(err.Error(), "journal of cp1") {
		t.Errorf("got %q", err)
	}
}
