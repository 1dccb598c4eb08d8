package clustercidr

import (
	"regexp"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const file = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
		f, err := m.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = regexp.MustCompile(`--cluster-cidr=\S+`).ReplaceAll(f.Data, []byte("--cluster-cidr=100.64.0.0/16"))
		if err := m.WriteFile(file, f); err != nil {
			t.Fatal(err)
		}
	}))
}
