package preload

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	known := &snapshot.Programs{Packages: "dpkg"}
	for name, tt := range map[string]struct {
		l        snapshot.Loader
		programs *snapshot.Programs
		want     string
	}{
		"nothing":                {snapshot.Loader{}, known, ""},
		"preload of a package":   {snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: "/usr/lib/arm-linux-gnueabihf/libarmmem.so", Owner: "raspi-copies-and-fills"}}}, known, ""},
		"preload of nobody":      {snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: "/lib/x.so", Exists: true, Source: file, Line: 1}}}, known, "every program loads /lib/x.so"},
		"preload that is gone":   {snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: "/lib/x.so", Source: file, Line: 1}}}, nil, "which is not there"},
		"allocator":              {snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", Source: "/etc/systemd/system/x.service", Owner: "libjemalloc2"}}}, known, ""},
		"a program's own":        {snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "LD_PRELOAD=/opt/app/lib.so", Source: "/proc/7/environ", PID: 7}}}, known, ""},
		"library path":           {snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "LD_LIBRARY_PATH=/usr/local/cuda/lib64", Source: "/etc/environment"}}}, known, ""},
		"variable":               {snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "export LD_PRELOAD=\"/opt/x.so\"", Source: "/root/.bashrc", Line: 2}}}, known, "has programs load /opt/x.so"},
		"audit":                  {snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "LD_AUDIT=/opt/x.so", Source: "/etc/environment", Line: 2}}}, known, "has programs load /opt/x.so"},
		"core":                   {snapshot.Loader{Libraries: []snapshot.Library{{Name: "libc.so.6", Path: "/usr/local/lib/libc.so.6", Core: true, First: true}}}, known, "get /usr/local/lib/libc.so.6"},
		"core, owners not known": {snapshot.Loader{Libraries: []snapshot.Library{{Name: "libc.so.6", Path: "/usr/local/lib/libc.so.6", Core: true, First: true}}}, &snapshot.Programs{}, ""},
		"not core":               {snapshot.Loader{Libraries: []snapshot.Library{{Name: "libcudart.so", Path: "/usr/local/cuda/lib64/libcudart.so", First: true}}}, known, ""},
		"loader":                 {snapshot.Loader{Interpreters: []snapshot.Binary{{Path: "/lib64/ld-linux-x86-64.so.2", Package: "libc6", PackageSum: "differs"}}}, nil, "not the one that package libc6"},
	} {
		got := detect(&snapshot.Snapshot{Loader: &tt.l, Programs: tt.programs})
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
	}
}

// Other words of the file stay.
func TestWithout(t *testing.T) {
	s := &snapshot.Snapshot{
		Loader: &snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: "/a.so"}, {Value: "/b.so"}}},
		Trust:  &snapshot.Trust{Preload: &snapshot.Text{Path: file, Content: "/a.so /b.so\n", SHA256: "1fb9c2d4a2d0"}},
	}
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: "/a.so"}}); err == nil || !strings.Contains(err.Error(), "not read whole") {
		t.Errorf("got %v", err)
	}
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: "/lib/libc.so.6"}}); err == nil || !strings.Contains(err.Error(), "reinstall") {
		t.Errorf("got %v", err)
	}
}

// What vendors and people load on purpose, and what only looks like it.
func TestMeant(t *testing.T) {
	agent := &snapshot.Processes{List: []snapshot.Process{{PID: 7, Exe: "/opt/watcher/bin/agent", Unit: "watcher.service"}, {PID: 8, Exe: "/opt/hand/x"}}}
	for name, want := range map[string]int{
		"/opt/watcher/lib/hook.so":              0,
		"/$LIB/liboneagentproc.so":              0,
		"/usr/local/lib/libjemalloc.so.2":       0,
		"/opt/other/lib/hook.so":                1,
		"/opt/hand/hook.so":                     1, // of no service
		"/opt/watcher":                          1,
		"/dev/shm/libjemalloc.so.2":             1,
		"/$LIB/x.so":                            1,
		"/usr/local/lib/x/libjemalloc/other.so": 1,
	} {
		s := &snapshot.Snapshot{Processes: agent, Loader: &snapshot.Loader{Preload: []snapshot.LoaderEntry{{Value: name, Source: file, Line: 1}}}}
		got := detect(s)
		if len(got) != want {
			t.Errorf("%s: got %+v", name, got)
		}
		if len(got) > 0 && strings.Contains(name, "$") && strings.Contains(got[0].Summary, "not there") {
			t.Errorf("the loader replaces $LIB itself: %s", got[0].Summary)
		}
		s.Loader = &snapshot.Loader{Variables: []snapshot.LoaderEntry{{Value: "Environment=LD_PRELOAD=" + name, Source: "/etc/systemd/system/x.service", Line: 3}}}
		if got := detect(s); len(got) != want {
			t.Errorf("LD_PRELOAD=%s: got %+v", name, got)
		}
	}
}
