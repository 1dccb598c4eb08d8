package authmodule

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Effect(func(_ *faulttest.Machine, s *snapshot.Snapshot) {
		if s.Programs != nil {
			s.Programs.Packages = "dpkg"
		}
	}), faulttest.Broken(func(m *faulttest.Machine) { m.World.Units["foreign.service"] = "active" }),
		faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
			if s.Access != nil && m.World.Units["foreign.service"] == "active" {
				s.Access.PAM = append(s.Access.PAM, snapshot.PAMRule{Type: "auth", Control: "sufficient", Module: "pam_x.so", Path: "/usr/lib/security/pam_x.so", Source: "/etc/pam.d/sshd", Line: 2})
			}
		}))
}

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		a    snapshot.Access
		want int
	}{
		"Debian's own":     {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "required", Module: "pam_permit.so", Path: "/lib/security/pam_permit.so", Package: "libpam-modules", Sum: "same", Own: true}}}, 0},
		"of a package":     {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "sufficient", Module: "pam_sss.so", Path: "/lib/security/pam_sss.so", Package: "libpam-sss"}}}, 0},
		"root may su":      {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "sufficient", Module: "pam_rootok.so", Path: "/l/pam_rootok.so", Package: "libpam-modules"}}}, 0},
		"not found":        {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "optional", Module: "pam_gnome_keyring.so"}}}, 0},
		"of nobody":        {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "required", Module: "pam_x.so", Path: "/lib/security/pam_x.so"}}}, 1},
		"changed":          {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Module: "pam_unix.so", Path: "/l/pam_unix.so", Package: "libpam-modules", Sum: "differs"}}}, 1},
		"everybody":        {snapshot.Access{PAM: []snapshot.PAMRule{{Type: "auth", Control: "sufficient", Module: "pam_permit.so", Path: "/l/pam_permit.so", Package: "libpam-modules", Source: "/etc/pam.d/sshd"}}}, 1},
		"names, built in":  {snapshot.Access{NSS: []snapshot.NSSModule{{Database: "passwd", Name: "files"}}}, 0},
		"names, packaged":  {snapshot.Access{NSS: []snapshot.NSSModule{{Database: "passwd", Name: "sss", Path: "/l/libnss_sss.so.2", Package: "libnss-sss"}}}, 0},
		"names, of nobody": {snapshot.Access{NSS: []snapshot.NSSModule{{Database: "hosts", Name: "x", Path: "/l/libnss_x.so.2"}}}, 1},
	} {
		s := &snapshot.Snapshot{Access: &tt.a, Programs: &snapshot.Programs{Packages: "dpkg"}}
		if got := Fault.Detect(s); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
		s.Programs.Packages = ""
		if got := Fault.Detect(s); len(got) > 0 {
			t.Errorf("%s, owners not known: got %+v", name, got)
		}
	}
}
