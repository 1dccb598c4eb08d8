package observe

// dns is what CoreDNS says.
func dns() []known {
	of := []Kind{DNS}
	return []known{
		// plugin/errors
		{id: "dns-upstream-failed", kind: of, any: []string{"[ERROR] plugin/errors: "},
			re:  re(`plugin/errors: \d+ (?P<name>\S+) (?P<type>\S+): (?:read|write|dial) (?:udp|tcp)4?6? \S*?(?:->)?(?P<server>[0-9a-fA-F.:\[\]]+): (?P<error>.*)`),
			key: []string{"server", "error"}},
		// plugin/loop
		{id: "dns-loop", kind: of, any: []string{"plugin/loop: Loop "}, re: re(`Loop \((?P<hop>[^)]*)\) detected for zone [\\"]*(?P<zone>[^\\",]+)`)},
		// plugin/kubernetes
		{id: "dns-api-unreachable", kind: of, any: []string{"plugin/kubernetes: "}, all: []string{"ailed to "},
			re: re(`[Ff]ailed to (?P<what>list|watch) (?P<type>[^: ]+)(?:: (?P<error>.*))?`), key: []string{"type"}},
		{id: "dns-unsynced", kind: of, any: []string{"Still waiting on: \"kubernetes\"", "waiting for Kubernetes API before starting server", "starting server with unsynced Kubernetes API"}},
		// caddy, core/dnsserver
		{id: "dns-config-bad", kind: of, any: []string{"Error during parsing", "Unknown directive", "plugin/forward: ", "this server block is already defined", "unknown property"},
			re: re(`(?P<error>(?:\S*Corefile:\d+.*|Unknown directive.*|plugin/forward: not an IP.*|unknown property.*))`)},
		{id: "dns-reload-failed", kind: of, any: []string{"[ERROR] Restart failed", "[ERROR] plugin/reload"}, opt: re(`(?P<error>Corefile.*)`)},
	}
}

// jobs is more of what systemd, cron and the login services say.
func jobs() []known {
	of, key := []Kind{Systemd}, []string{"unit"}
	return []known{
		{id: "unit-mount-failed", kind: of, any: []string{"Mount process exited, code="},
			re: re(`^(?P<unit>\S+): Mount process exited, code=(?P<code>\w+), status=(?P<status>\S+)`), key: key},
		{id: "unit-dependency-failed", kind: of, any: []string{"Dependency failed for "}, re: re(`Dependency failed for (?P<unit>\S+)`), key: key},
		{id: "unit-oom", kind: of, any: []string{"A process of this unit has been killed by the OOM killer"}, re: re(`^(?P<unit>\S+): `), key: key},
		{id: "unit-timeout", kind: of, any: []string{"start operation timed out", "State 'stop-sigterm' timed out", "Watchdog timeout"},
			re: re(`^(?P<unit>\S+): (?P<what>start operation timed out|State '[^']*' timed out|Watchdog timeout)`), key: key},
		{id: "unit-killed", kind: of, any: []string{"Killing process "}, re: re(`^(?P<unit>\S+): Killing process (?P<pid>\d+) \((?P<name>[^)]*)\) with signal (?P<signal>[A-Z0-9]+)`), key: key},
		{id: "unit-bad-setting", kind: of, any: []string{"bad unit file setting", "has a bad unit file"}, re: re(`^(?P<unit>\S+?):? `), key: key},
		{id: "unit-line-ignored", kind: of, any: []string{", ignoring: ", ", ignoring."},
			re: re(`^(?P<path>/[^:]+):(?P<line>\d+): (?P<error>.*)`), key: []string{"path", "line"}},
		{id: "unit-environment-failed", kind: of, any: []string{"Failed to load environment files", "Failed to run 'start-pre' task", "Failed to set up mount namespacing", "Failed to set up credentials"},
			re: re(`^(?P<unit>\S+): (?P<error>.*)`), key: key},
		{id: "systemd-reloaded", kind: of, any: []string{"Reloading requested from client", "systemd: Reloading."}, opt: re(`client PID (?P<pid>\d+) \('(?P<name>[^']*)'\)`)},
		{id: "time-changed", kind: of, any: []string{"Time has been changed", "Clock change detected"}},
		{id: "cron-failed", kind: []Kind{Cron}, any: []string{"BAD FILE MODE", "WRONG FILE OWNER", "INSECURE MODE", "ERROR (", "Error: bad "},
			re: re(`\((?P<user>[^)]*)\) (?P<what>BAD FILE MODE|WRONG FILE OWNER|INSECURE MODE|ERROR|Error:?)[ (]*(?P<text>[^)]*)`), key: []string{"user", "text"}},
		{id: "cron-changed", kind: []Kind{Cron}, any: []string{"RELOAD ("}, re: re(`\((?P<user>[^)]+)\) RELOAD \((?P<path>[^)]*)\)`), key: []string{"path"}},
		// openssh's auth.c
		{id: "ssh-login", kind: []Kind{SSH}, any: []string{"Accepted "}, re: re(`Accepted (?P<method>\S+) for (?P<user>\S+) from (?P<from>\S+) port`), key: []string{"user", "from", "method"}},
		{id: "ssh-failed", kind: []Kind{SSH}, any: []string{"Failed password for ", "Invalid user ", "Failed publickey for "},
			re:  re(`(?:Failed \w+ for (?:invalid user )?|Invalid user )(?P<user>\S*) from (?P<from>\S+)`),
			key: []string{"user", "from"}},
		{id: "ssh-config-bad", kind: []Kind{SSH}, any: []string{"Bad configuration option", "bad ownership or modes for", "no hostkeys available"},
			re: re(`(?P<error>Bad configuration option:? ?.*|Authentication refused: bad ownership or modes for .*|.*no hostkeys available.*)`)},
	}
}

// machine is more of what the kernel says.
func machine() []known {
	of := []Kind{Kernel}
	return []known{
		// mm/oom_kill.c
		{id: "kernel-oom", kind: of, any: []string{" invoked oom-killer: "}, re: re(`(?P<name>.+) invoked oom-killer: .*oom_score_adj=(?P<adj>-?\d+)`), key: []string{"name"}},
		// net/ipv4/tcp_input.c
		{id: "kernel-syn-flood", kind: of, any: []string{"Possible SYN flooding on port"}, re: re(`SYN flooding on port (?:\S*:)?(?P<port>\d+)`), key: []string{"port"}},
		// kernel/time/clocksource.c
		{id: "kernel-clocksource", kind: of, any: []string{"Marking clocksource ", "Switched to clocksource ", "marking unstable"}, re: re(`(?P<what>Marking|Switched to) clocksource '?(?P<name>[a-z_-]+)|timekeeping watchdog on (?P<cpu>\S+): Marking`)},
		// kernel/panic.c, arch traps
		{id: "kernel-oops", kind: of, any: []string{"BUG: ", "Oops: ", "general protection fault", "Kernel panic - not syncing", "WARNING: CPU: "}, none: []string{"soft lockup"},
			re: re(`(?P<what>BUG: .*|Oops: .*|general protection fault.*|Kernel panic - .*|WARNING: CPU: .*)`), key: []string{"what"}},
		// kernel/rcu
		{id: "kernel-rcu-stall", kind: of, any: []string{"self-detected stall on CPU", "detected stalls on CPUs"}},
		// kernel/module
		{id: "kernel-module-loaded", kind: of, any: []string{"module verification failed", "loading out-of-tree module", "module license "},
			re: re(`^(?P<module>[\w-]+): (?P<what>module verification failed|loading out-of-tree module|module license)`), key: []string{"module"}},
		// security/apparmor, selinux by the audit subsystem
		{id: "kernel-denied", kind: of, any: []string{`apparmor="DENIED"`, "avc:  denied"},
			re: re(`(?:operation="(?P<operation>[^"]*)".*?profile="(?P<profile>[^"]*)"(?: name="(?P<name>[^"]*)")?|avc:  denied  \{ (?P<access>[^}]*) \}.*?comm="(?P<comm>[^"]*)")`), key: []string{"profile", "name", "comm"}},
		{id: "kernel-seccomp", kind: of, any: []string{"type=1326"}, re: re(`comm="(?P<comm>[^"]*)".*?syscall=(?P<syscall>\d+)`), key: []string{"comm", "syscall"}},
		// kernel/cgroup/pids.c
		{id: "kernel-fork-rejected", kind: of, any: []string{"fork rejected by pids controller"}, re: re(`pids controller in (?P<cgroup>\S+)`), key: []string{"cgroup"}},
		// drivers: link state; net/bridge
		{id: "kernel-link", kind: of, any: []string{"Link is Down", "Link is Up", "link is not ready"}, re: re(`(?P<device>[\w.@-]+):? (?:NIC )?(?P<state>Link is Down|Link is Up|link is not ready)`), key: []string{"device", "state"}},
		{id: "kernel-martian", kind: of, any: []string{"martian source "}, re: re(`martian source (?P<to>\S+) from (?P<from>[^,\s]+), on dev (?P<device>\S+)`), key: []string{"device"}},
		{id: "kernel-netfilter-log", kind: of, any: []string{" IN="}, all: []string{" OUT=", " PROTO="},
			re: re(`^(?P<prefix>.*?) ?IN=(?P<in>\S*) OUT=(?P<out>\S*).*?DST=(?P<dst>\S+).*?PROTO=(?P<proto>\S+)(?:.*?DPT=(?P<port>\d+))?`), key: []string{"prefix", "port"}},
		// fs/ext4, fs/xfs, drivers/md, drivers/nvme
		{id: "kernel-fs-corrupt", kind: of, any: []string{"EXT4-fs error", "Corruption detected", "Metadata corruption", "Metadata CRC error"},
			re: re(`(?:EXT4-fs error \(device (?P<device>[^)]+)\)|XFS \((?P<xfs>[^)]+)\)).*`), key: []string{"device", "xfs"}},
		{id: "kernel-disk-reset", kind: of, any: []string{"timeout, aborting", "timeout, reset controller", "hard resetting link", "rejecting I/O to offline device"},
			re: re(`(?P<device>nvme\d+|ata[\d.]+|sd \S+):? `), key: []string{"device"}},
		{id: "kernel-throttled", kind: of, any: []string{"cpu clock throttled", "Core temperature above threshold"}},
		{id: "kernel-file-max", kind: of, any: []string{"VFS: file-max limit"}, re: re(`file-max limit (?P<limit>\d+) reached`)},
		{id: "kernel-booted", kind: of, any: []string{"Linux version "}, re: re(`^Linux version (?P<version>\S+)`)},
	}
}

// workers is more of what the kubelet and the runtime say.
func workers() []known {
	k, c := []Kind{Kubelet}, []Kind{Containerd}
	return []known{
		// cmd/kubelet/app and pkg/kubelet/cm
		{id: "kubelet-swap", kind: k, any: []string{"unning with swap on is not supported"}},
		{id: "kubelet-cgroup-v1", kind: k, any: []string{"configured to not run on a host using cgroup v1", "cgroup v1 support is"}},
		{id: "kubelet-cgroup-driver", kind: k, any: []string{"misconfiguration: kubelet cgroup driver", "expected cgroupsPath to be of format"},
			opt: re(`kubelet cgroup driver: [\\"]*(?P<kubelet>[^\\"]*)[\\"]* is different from docker cgroup driver: [\\"]*(?P<runtime>[^\\"]*)`)},
		{id: "kubelet-cgroup-failed", kind: k, any: []string{"Failed to start ContainerManager", "Failed to ensure that the pod", "failed to initialize top level QOS containers"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "kubelet-reserved-failed", kind: k, any: []string{"Failed to enforce Node Allocatable", "Failed to enforce System Reserved Cgroup", "Failed to enforce Kube Reserved Cgroup"}, opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "kubelet-state-bad", kind: k, any: []string{"could not restore state from checkpoint", "could not initialize checkpoint manager"},
			opt: re(`(?P<path>/var/lib/kubelet/[^:"\\,]*)`)},
		{id: "kubelet-volume-failed", kind: k, any: []string{"MountVolume.SetUp failed", "MountVolume.MountDevice failed", "Unable to attach or mount volumes", "nestedpendingoperations.go"},
			re: re(`(?:volume [\\"]*(?P<volume>[^\\" ]+)|Unable to attach or mount volumes: (?P<text>[^"\\]*))(?:.*pod="(?P<pod>[^"]+)")?`), key: []string{"volume", "pod"}},
		{id: "kubelet-csr-failed", kind: k, any: []string{"Failed while requesting a signed certificate", "Certificate request was not signed", "annot create certificate signing request"}, opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"|: (?P<text>.*)`)},
		{id: "kubelet-cert-rotated", kind: k, any: []string{"Rotating certificates", "Certificate rotation detected"}},
		{id: "kubelet-preempted", kind: k, any: []string{"Preempting pod", "attempting to preempt"}, opt: re(`pod="(?P<pod>[^"]+)"`), key: []string{"pod"}},
		{id: "kubelet-rejected", kind: k, any: []string{"Pod admission denied", "Predicate failed", "failed to admit pod"}, opt: re(`pod="(?P<pod>[^"]+)"(?:.*reason="(?P<reason>[^"]+)")?`), key: []string{"pod"}},
		{id: "kubelet-oom", kind: k, any: []string{"System OOM encountered"}, opt: re(`victim process: (?P<name>[^,]+)`)},
		{id: "kubelet-image-gc-failed", kind: k, any: []string{"mage garbage collection failed", "Failed to garbage collect required amount of images"}, opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "kubelet-started", kind: k, any: []string{"Kubelet version"}, re: re(`kubeletVersion="(?P<version>[^"]+)"`)},
		{id: "kubelet-name-differs", kind: k, any: []string{"is not allowed to modify node ", "can only access node lease with the same name"}, opt: re(`node [\\"]*(?P<node>[^\\" ]+)[\\"]* is not allowed to modify node [\\"]*(?P<other>[^\\" ]+)`)},
		// containerd: runtime v2 and the CRI plugin
		{id: "containerd-task-failed", kind: c, any: []string{"failed to create containerd task"}, re: re(`failed to create containerd task: (?P<error>(?:[^"\\]|\\+")+)`), key: []string{"error"}},
		{id: "containerd-oci-failed", kind: c, any: []string{"OCI runtime create failed", "runc create failed"}, re: re(`(?:OCI runtime create failed|runc create failed): (?P<error>(?:[^"\\]|\\+")+)`), key: []string{"error"}},
		{id: "containerd-shim-gone", kind: c, any: []string{"shim disconnected", "cleaning up after shim disconnected"}, opt: re(`id=(?P<id>[0-9a-f]+)`)},
		{id: "containerd-plugin-failed", kind: c, any: []string{"failed to load plugin", "skip loading plugin"}, all: []string{"level=warning"}, re: re(`(?:failed to load plugin |skip loading plugin |loading plugin |id=)[\\"]*(?P<plugin>[\w./-]+)`), key: []string{"plugin"}},
		{id: "containerd-cri-failed", kind: c, any: []string{"failed to create CRI service", "invalid plugin config"}, opt: re(`error="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "containerd-locked", kind: c, any: []string{"waiting for response from boltdb open"}},
		{id: "containerd-started", kind: c, any: []string{"containerd successfully booted"}, opt: re(`booted in (?P<took>[\d.]+)s`)},
		{id: "containerd-image-missing", kind: c, any: []string{"failed to resolve reference ", "failed to pull and unpack image"},
			re: re(`(?:resolve reference|unpack image) [\\"]*(?P<image>[^\\" ]+)[\\"]*: (?P<error>(?:[^"\\]|\\+")+)`), key: []string{"image"}},
	}
}
