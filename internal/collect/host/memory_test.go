package host

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestParseMemory(t *testing.T) {
	m := parseMemory([]byte("MemFree: 2 kB\nHugePages_Total:       3\nHugepagesize:       2048 kB\nCommitted_AS: 4 kB\nSwapTotal: 8 kB\n"),
		[]byte("oom_kill 5\nallocstall_normal 2\nallocstall_movable 3\nother 9\n"))
	want := snapshot.Memory{Free: 2048, HugeTotal: 3, HugeSize: 2 << 20, Committed: 4096, SwapTotal: 8192, OOMKills: 5, AllocStalls: 5}
	if *m != want {
		t.Errorf("%+v", m)
	}
	swaps := parseSwaps([]byte("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/a\\040b                             file\t\t1024\t\t1\t\t-2\n"))
	if len(swaps) != 1 || swaps[0] != (snapshot.Swap{Path: "/a b", Type: "file", Size: 1 << 20, Used: 1024, Priority: -2}) {
		t.Errorf("%+v", swaps)
	}
	keys := parseKeyUsers([]byte("    0:    17 16/16 5/1000000 49/25000000\nx\n"))
	if len(keys) != 1 || keys[0] != (snapshot.KeyUse{Keys: 5, KeysMax: 1000000, Bytes: 49, BytesMax: 25000000}) {
		t.Errorf("%+v", keys)
	}
	if n := parseTasks([]byte("0.5 1.2 2 1/643 77\n")); n != 643 {
		t.Error(n)
	}
	if used, most := parseFileNr([]byte("1504\t0\t9223372036854775807\n")); used != 1504 || most != 9223372036854775807 {
		t.Error(used, most)
	}
	if got := chosen("always [madvise] never"); got != "madvise" {
		t.Error(got)
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte("MemFree: 2 kB\noom_kill 5\n/a file 1 1 -2\n0: 17 16/16 5/1 4/2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseMemory(data, data)
		parseTasks(data)
		parseFileNr(data)
		chosen(string(data))
		if len(parseSwaps(data)) > 100 || len(parseKeyUsers(data)) > 200 {
			t.Error("not bounded")
		}
	})
}
