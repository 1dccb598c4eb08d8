package nospace

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
)

// fill is the hand: it writes the ConfigMaps that the drill made.
func fill(m *faulttest.Machine) {
	for path := range m.World.Objects {
		if rest, ok := strings.CutPrefix(path, "/api/v1/namespaces/"); ok && strings.Contains(path, "/configmaps/") {
			m.FillEtcd("/registry/configmaps/"+strings.Replace(rest, "/configmaps/", "/", 1), "kubectl-replace")
		}
	}
}

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Hand(fill)) }
