package disabled

import (
	"testing"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault/faulttest"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// What somebody has switched off with reason stays off.
func TestMended(t *testing.T) {
	r := component.ReleaseOf("v1.37")
	job := []string{"job-controller"}
	for value, tc := range map[string]struct {
		missing []string
		want    string
	}{
		"*,bootstrapsigner,tokencleaner,-replicasets":   {nil, "*,bootstrapsigner,tokencleaner"},
		"*,-node-ipam-controller,-nodeipam,nosuch":      {nil, "*,-node-ipam-controller,-nodeipam"},
		"*,-job,-node-ipam-controller":                  {job, "*,-node-ipam-controller"},
		"*, -job-controller":                            {job, "*"},
		"deployment-controller":                         {job, "deployment-controller,job-controller"},
		"nosuch":                                        {nil, "*"},
		"-job-controller,-nosuch,deployment-controller": {job, "deployment-controller,job-controller"},
	} {
		if got := mended(r, value, tc.missing); got != tc.want {
			t.Errorf("%s: %s, want %s", value, got, tc.want)
		}
	}
}
