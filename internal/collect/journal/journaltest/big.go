package journaltest

import (
	"fmt"
	"time"
)

// Big returns a file of so many entries as a node has them: of three units, a
// millisecond apart from the first of January 2026, UTC, a boot for each
// 65,536. 300,000 entries are about 140 MB.
func Big(entries int) []byte {
	w := NewWriter()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := 1; i <= entries; i++ {
		unit := []string{"kubelet", "containerd", "cron", "kubelet"}[i%4]
		if i%65536 == 0 {
			w.Monotonic = 0
		}
		w.BootID = [16]byte{15: byte(i>>16) + 1}
		w.Add(at.Add(time.Duration(i)*time.Millisecond),
			fmt.Sprintf("_BOOT_ID=%032x", i>>16+1), "_HOSTNAME=cp", "PRIORITY=6", "_TRANSPORT=stdout",
			"_PID=1234", "_UID=0", "_GID=0", "SYSLOG_IDENTIFIER="+unit, "_COMM="+unit, "_EXE=/usr/bin/"+unit,
			"_SYSTEMD_UNIT="+unit+".service", "_SYSTEMD_CGROUP=/system.slice/"+unit, "_CAP_EFFECTIVE=1ffffffffff",
			fmt.Sprintf("MESSAGE=I0101 12:00:00.%06d 1234 kubelet.go:2500] \"SyncLoop (PLEG): event for pod\" pod=\"default/web-%d\"", i%1e6, i))
	}
	return w.File()
}
