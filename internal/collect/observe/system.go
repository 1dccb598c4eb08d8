package observe

// system is what systemd and cron say; systemd's texts are those of
// src/core/job.c and service.c, cron's that of Debian's cron and cronie.
func system() []known {
	unit := re(`(?P<unit>[\w@:.\\-]+\.(?:service|socket|mount|timer|target))`)
	key := []string{"unit"}
	of := []Kind{Systemd}
	return []known{
		{id: "unit-started", kind: of, any: []string{"Started "}, re: re(`^Started (?P<unit>\S+)`), key: key},
		{id: "unit-stopped", kind: of, any: []string{"Stopped "}, re: re(`^Stopped (?P<unit>\S+)`), key: key},
		{id: "unit-failed", kind: of, any: []string{"Failed with result "},
			re: re(`^(?P<unit>\S+): Failed with result '(?P<result>[^']+)'`), key: key},
		{id: "unit-start-failed", kind: of, any: []string{"Failed to start "}, re: re(`Failed to start (?P<unit>\S+)`), key: key},
		{id: "unit-exited", kind: of, any: []string{"Main process exited, code="},
			re:  re(`^(?P<unit>\S+): Main process exited, code=(?P<code>\w+), status=(?P<status>\S+)`),
			key: []string{"unit", "code", "status"}},
		{id: "unit-restarts", kind: of, any: []string{"Scheduled restart job"},
			re: re(`^(?P<unit>\S+): Scheduled restart job, restart counter is at (?P<counter>\d+)`), key: key},
		{id: "unit-start-limit", kind: of, any: []string{"Start request repeated too quickly"}, re: unit, key: key},
		{id: "unit-exec-failed", kind: of, any: []string{"Failed at step ", "Failed to locate executable"},
			re: re(`^(?P<unit>\S+): Failed (?:at step (?P<step>\S+) spawning (?P<path>[^:]+)|to locate executable (?P<binary>[^:]+)): (?P<error>.*)`), key: key},
		{id: "cron-command", kind: []Kind{Cron}, any: []string{"CMD ("},
			re:  re(`\((?P<user>[^)]+)\) CMD \((?P<command>.*)\)`),
			key: []string{"user", "command"}},
	}
}

// kernel is what the kernel says; the file of each message is in its sources.
func kernel() []known {
	of := []Kind{Kernel}
	return []known{
		// mm/oom_kill.c
		{id: "kernel-oom-kill", kind: of, any: []string{"ut of memory: Killed process ", "ut of memory: Kill process "},
			re:  re(`(?P<scope>Memory cgroup out|Out) of memory: Kill(?:ed)? process (?P<pid>\d+) \((?P<name>[^)]*)\)`),
			key: []string{"scope", "name"}},
		// block/blk-core.c, fs/buffer.c
		{id: "kernel-io-error", kind: of, any: []string{"I/O error"},
			re: re(`(?:I/O error,? (?:on )?dev(?:ice)? |EXT4-fs error \(device |XFS \()(?P<device>[^,\s)]+)`), key: []string{"device"}},
		// fs/ext4/super.c
		{id: "kernel-remounted-read-only", kind: of, any: []string{"emounting filesystem read-only", "Shutting down filesystem"},
			re: re(`\((?:device )?(?P<device>[^)]+)\)`), key: []string{"device"}},
		// kernel/hung_task.c
		{id: "kernel-hung-task", kind: of, any: []string{" blocked for more than "},
			re: re(`task (?P<task>.+):\d+ blocked for more than (?P<seconds>\d+) seconds`), key: []string{"task"}},
		// net/netfilter/nf_conntrack_core.c
		{id: "kernel-conntrack-full", kind: of, any: []string{"nf_conntrack: table full, dropping packet"}},
		// net/core/neighbour.c
		{id: "kernel-neighbour-full", kind: of, any: []string{"neighbour: ", "neighbor table overflow"}, all: []string{"overflow"}},
		// kernel/watchdog.c, kernel/panic.c
		{id: "kernel-lockup", kind: of, any: []string{"soft lockup - CPU#", "hard LOCKUP"}},
		{id: "kernel-segfault", kind: of, any: []string{"segfault at "},
			re: re(`(?P<name>\S+)\[\d+\]: segfault at `), key: []string{"name"}},
	}
}
