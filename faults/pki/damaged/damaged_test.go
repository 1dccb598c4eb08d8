package damaged

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWhatIsDamaged(t *testing.T) {
	used := []string{"/m:1"}
	for what, tc := range map[string]struct {
		file snapshot.PEMFile
		want int
	}{
		"whole":                        {snapshot.PEMFile{Size: 900, Certificates: 1, UsedBy: used}, 0},
		"damaged":                      {snapshot.PEMFile{Size: 900, Damage: "illegal base64", Line: 3, Offset: 80, UsedBy: used}, 1},
		"damaged, and nobody loads it": {snapshot.PEMFile{Size: 900, Damage: "illegal base64"}, 0},
		"line ends of Windows":         {snapshot.PEMFile{Size: 900, Certificates: 1, CRLF: true, UsedBy: used}, 0},
		"a mark that hides it":         {snapshot.PEMFile{Size: 900, BOM: true, UsedBy: used}, 1},
		"a mark before a comment":      {snapshot.PEMFile{Size: 900, BOM: true, Certificates: 1, UsedBy: used}, 0},
		"empty":                        {snapshot.PEMFile{UsedBy: used}, 1},
		"missing":                      {snapshot.PEMFile{Error: "no such file or directory", UsedBy: used}, 0},
		"other blocks":                 {snapshot.PEMFile{Size: 900, Foreign: 1, UsedBy: used}, 0},
	} {
		tc.file.Path = "/x.crt"
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Files: []snapshot.PEMFile{tc.file}}}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
	embedded := snapshot.Certificate{Path: "/etc/kubernetes/scheduler.conf#users/system:kube-scheduler", Error: "it is not base64"}
	if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{embedded}}}); len(got) != 1 {
		t.Errorf("embedded: %+v", got)
	}
}
