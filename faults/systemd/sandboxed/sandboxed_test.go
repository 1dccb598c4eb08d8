package sandboxed

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

// Some lines hold one of the two back and not the other, and many neither.
func TestHarms(t *testing.T) {
	const both, none = "kubelet containerd", ""
	for line, want := range map[string]string{
		"ProtectSystem=strict":                               both,
		"ProtectSystem=full":                                 "kubelet",
		"ProtectSystem=no":                                   none,
		"ProtectHome=yes":                                    "kubelet",
		"PrivateTmp=yes":                                     "kubelet",
		"PrivateTmp=no":                                      none,
		"ReadOnlyPaths=/var/lib/kubelet":                     "kubelet",
		"ReadOnlyPaths=/var/lib/containerd":                  "containerd",
		"ReadOnlyPaths=-/var":                                both,
		"ReadOnlyPaths=/":                                    both,
		"ReadOnlyPaths=/var/lib/kubelet/pki":                 "kubelet",
		"ReadOnlyPaths=/etc":                                 none,
		"ReadOnlyPaths=/usr /boot":                           none,
		"InaccessiblePaths=/etc/kubernetes/pki":              "kubelet",
		"InaccessiblePaths=/home":                            none,
		"InaccessiblePaths=/etc/cni":                         "containerd",
		"NoExecPaths=/opt":                                   "containerd",
		"NoExecPaths=/tmp":                                   none,
		"TemporaryFileSystem=/var/lib/kubelet:size=1M":       "kubelet",
		"TemporaryFileSystem=/srv":                           none,
		"BindPaths=/srv/k:/var/lib/kubelet":                  "kubelet",
		"BindPaths=/var/lib/kubelet":                         none,
		"BindPaths=/srv/x":                                   none,
		"CapabilityBoundingSet=CAP_NET_BIND_SERVICE":         both,
		"CapabilityBoundingSet=~CAP_SYS_ADMIN":               both,
		"CapabilityBoundingSet=~CAP_SYS_TIME CAP_WAKE_ALARM": none,
		"SystemCallFilter=~@mount":                           both,
		"SystemCallFilter=~@clock @swap":                     none,
		"SystemCallFilter=@system-service":                   both,
		"SystemCallFilter=@system-service @mount":            none,
		"RestrictNamespaces=yes":                             "containerd",
		"RestrictNamespaces=no":                              none,
		"RestrictNamespaces=~user cgroup":                    none,
		"RestrictNamespaces=mnt net pid ipc uts cgroup":      none,
		"User=kube":                                          both,
		"User=root":                                          none,
		"PrivateUsers=yes":                                   both,
		"ProtectControlGroups=yes":                           both,
		"ProtectKernelTunables=yes":                          both,
		"ProtectClock=yes":                                   none,
		"LockPersonality=yes":                                none,
		"NoNewPrivileges=yes":                                none,
		"OOMScoreAdjust=-999":                                none,
	} {
		key, value, _ := strings.Cut(line, "=")
		var got []string
		for _, name := range []string{"kubelet", "containerd"} {
			u := snapshot.Unit{Name: name + ".service", Settings: []snapshot.Setting{{Section: "Service", Key: key, Value: value, Source: "/d", Line: 2}}}
			h := harms(u)
			if len(h) > 0 {
				got = append(got, name)
			}
			u.Files = []snapshot.UnitFile{{Path: "/d", Package: "p", Sum: "same"}}
			if len(harms(u)) > 0 {
				t.Errorf("%s, of a package: %v", line, harms(u))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: holds back %v, want %q", line, got, want)
		}
	}
}

func TestWhatIsOpenedAgain(t *testing.T) {
	u := snapshot.Unit{Name: "kubelet.service", Settings: []snapshot.Setting{
		{Section: "Service", Key: "ReadOnlyPaths", Value: "/var/lib", Source: "/d", Line: 2},
		{Section: "Service", Key: "ReadWritePaths", Value: "/var/lib/kubelet", Source: "/d", Line: 3},
	}}
	if h := harms(u); len(h) > 0 {
		t.Errorf("what is written to is open: %+v", h)
	}
}

// A name that the node does not know starts nothing, and holds nothing back.
func TestUnknown(t *testing.T) {
	u := snapshot.Unit{Name: "kubelet.service", Settings: []snapshot.Setting{{Section: "Service", Key: "User", Value: "kube", Source: "/d", Line: 2}}}
	for at, want := range map[int]int{2: 0, 3: 1} {
		u.Unmet = []snapshot.Requirement{{Key: "User", Value: "kube", Source: "/d", Line: at, Error: "unknown"}}
		if h := harms(u); len(h) != want {
			t.Errorf("line %d names nobody: %+v", at, h)
		}
	}
}
