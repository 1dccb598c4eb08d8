package host

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestParseMountinfo(t *testing.T) {
	got := ParseMountinfo([]byte("36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - ext4 /dev/root ro,errors=continue\nbroken\n"))
	want := snapshot.Mount{Device: "98:0", Source: "/dev/root", Root: "/mnt1", Target: "/a b", FSType: "ext4", ID: 36, Parent: 35, Line: 1, Propagation: "master:1",
		Options: "rw,noatime,ro,errors=continue", ReadOnly: true}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a) b (c) D 7 42 42 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 9 0 1200 1000 3 18446744073709551615"
	p, start, ok := parseStat([]byte(line))
	if !ok || p.Name != "a) b (c" || p.State != "D" || p.PPID != 7 || p.Threads != 9 || start != 1200 || p.RSS != 3*uint64(os.Getpagesize()) {
		t.Errorf("%+v %d %v", p, start, ok)
	}
	if _, _, ok := parseStat([]byte("42 (x")); ok {
		t.Error("a torn line was read")
	}
}

func TestParseSmallFiles(t *testing.T) {
	total, free := parseMeminfo([]byte("MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n"))
	if total != 2<<20 || free != 1<<20 {
		t.Errorf("memory %d %d", total, free)
	}
	if got := parseLoadavg([]byte("0.50 1.25 2 1/100 77\n")); !slices.Equal(got, []float64{0.5, 1.25, 2}) {
		t.Errorf("load %v", got)
	}
	if got := parseBoot([]byte("cpu 1\nbtime 1700000000\n")); got.Unix() != 1700000000 {
		t.Errorf("boot %v", got)
	}
	if got := parseOSRelease([]byte("ID=x\nPRETTY_NAME=\"A System 12\"\n")); got != "A System 12" {
		t.Errorf("os %q", got)
	}
	p := parsePressure([]byte("some avg10=1.50 avg60=2.00 avg300=0 total=1\nfull avg10=0.50 avg60=0.25 avg300=0 total=1\n"))
	if p.Some10 != 1.5 || p.Some60 != 2 || p.Full10 != 0.5 || p.Full60 != 0.25 {
		t.Errorf("pressure %+v", p)
	}
	if got := parseArgs([]byte("x\x00--token=abcdefgh12\x00--name\x00n\x00")); len(got) != 4 || strings.Contains(got[1], "abcdefgh") || got[3] != "n" {
		t.Errorf("args %q", got)
	}
}

func TestDiskChange(t *testing.T) {
	first := parseDiskstats([]byte("   8       0 sda 10 0 80 100 20 0 160 400 0 500 600\n   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"))
	second := parseDiskstats([]byte("   8       0 sda 14 0 99 140 30 0 200 900 3 600 900\n   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"))
	got := diskChange(first, second, 200*time.Millisecond)
	want := snapshot.Disk{Device: "8:0", Name: "sda", Reads: 4, Writes: 10, ReadMs: 10, WriteMs: 50, BusyPct: 50, WindowMs: 200, InFlight: 3}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v", got)
	}
}

func TestIOGroup(t *testing.T) {
	for data, want := range map[string]string{
		"12:pids:/p\n4:blkio,x:/b\n0::/u\n": "/b",
		"12:pids:/p\n0::/u\n":               "/u",
		"12:pids:/p\n":                      "/p",
		"1:a:/with:colon\n":                 "/with:colon",
		"":                                  "",
	} {
		if got := ioGroup([]byte(data)); got != want {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	}
}

// TestLive reads the machine that the test runs on.
func TestLive(t *testing.T) {
	e, s := source.New("/", true), &snapshot.Snapshot{}
	if err := collectHost(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	if s.Host.Kernel == "" || s.Host.MemTotal == 0 || len(s.Host.Mounts) == 0 || s.Host.CPUs == 0 {
		t.Errorf("%+v", s.Host)
	}
	if err := collectProcesses(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Processes.List, func(p snapshot.Process) bool { return p.PID == os.Getpid() })
	if i < 0 {
		t.Fatal("this process is not in the list")
	}
	p := s.Processes.List[i]
	if p.Exe == "" || len(p.Args) == 0 || p.NetNS == 0 || p.UID != uint32(os.Geteuid()) || time.Since(p.Start) > time.Hour {
		t.Errorf("%+v", p)
	}
	if err := collectTrust(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Trust.Tools {
		if x.Name == "ls" && (len(x.Hits) == 0 || !x.Hits[0].ELF) {
			t.Errorf("%+v", x)
		}
	}
}

func TestTrustFindsTheFirstHit(t *testing.T) {
	e := unpack(t, "trust")
	s := &snapshot.Snapshot{}
	if err := collectTrust(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.Trust.Tools {
		for _, h := range x.Hits {
			got = append(got, h.Path+" "+h.Script)
		}
	}
	want := []string{"/opt/first/kubectl /bin/bash", "/usr/local/bin/kubectl ", "/usr/bin/ls "}
	if !slices.Equal(got, want) || s.Trust.Preload == nil || s.Trust.Preload.Content != "/usr/lib/odd.so\n" {
		t.Errorf("%q, %+v", got, s.Trust.Preload)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("42 (a) S 1 42 42 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 9 0 1200 1000 3 1"))
	f.Add([]byte("36 35 98:0 /m /a\\040b rw - ext4 /dev/root ro"))
	f.Add([]byte("8:0 rbps=max wbps=1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseMountinfo(data)
		parseStat(data)
		parseMeminfo(data)
		parseLoadavg(data)
		parseBoot(data)
		parsePressure(data)
		diskChange(parseDiskstats(data), parseDiskstats(data), time.Second)
		parseArgs(data)
		containerID(ioGroup(data), "/")
		parseQueued(data)
		for _, l := range append(parseIOMax(data), parseThrottle(data, "wbps")...) {
			if l.Value == 0 || l.Line == 0 {
				t.Errorf("%+v", l)
			}
		}
	})
}
