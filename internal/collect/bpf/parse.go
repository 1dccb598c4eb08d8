package bpf

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func u32(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b[at:])
}

func u64(b []byte, at int) uint64 {
	if len(b) < at+8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b[at:])
}

// cString is the text up to the first zero.
func cString(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(s, "?")
}

func part(b []byte, from, to int) []byte { return b[min(from, len(b)):min(to, len(b))] }

// name is the entry of a table; what is newer than it is a number.
func name(table []string, n uint32) string {
	if int64(n) < int64(len(table)) {
		return table[n]
	}
	return fmt.Sprint(n)
}

// parseProg reads a struct bpf_prog_info; boot is when the machine started.
func parseProg(b []byte, boot time.Time) (p snapshot.BPFProgram, maps uint32) {
	return snapshot.BPFProgram{
		Type: name(progTypes, u32(b, 0)), ID: u32(b, 4), Tag: hex.EncodeToString(part(b, 8, 16)), Size: u32(b, 20),
		Loaded: boot.Add(time.Duration(u64(b, 40) & (1<<62 - 1))).UTC().Truncate(time.Millisecond), UID: u32(b, 48),
		Name: cString(part(b, 64, 80)), Ifindex: u32(b, 80), GPL: u32(b, 84)&1 != 0,
	}, u32(b, 52)
}

// parseMap reads a struct bpf_map_info.
func parseMap(b []byte) snapshot.BPFMap {
	return snapshot.BPFMap{Type: name(mapTypes, u32(b, 0)), ID: u32(b, 4), Entries: u32(b, 16), Name: cString(part(b, 24, 40))}
}

// parseLink reads a struct bpf_link_info; group is the ID of a control group.
func parseLink(b []byte) (l snapshot.BPFLink, group uint64) {
	l = snapshot.BPFLink{Type: name(linkTypes, u32(b, 0)), ID: u32(b, 4), Prog: u32(b, 8)}
	switch l.Type {
	case "tracing":
		l.Attach = name(attachTypes, u32(b, 16))
	case "cgroup":
		group, l.Attach = u64(b, 16), name(attachTypes, u32(b, 24))
	case "netns":
		l.NetNS, l.Attach = uint64(u32(b, 16)), name(attachTypes, u32(b, 20))
	case "xdp":
		l.Ifindex = u32(b, 16)
	case "tcx", "netkit":
		l.Ifindex, l.Attach = u32(b, 16), name(attachTypes, u32(b, 20))
	}
	return l, group
}

// maxTraced bounds the lines of one file of tracefs.
const maxTraced = 100

// parseTraced takes the lines of a file of tracefs.
func parseTraced(data []byte, file string) []snapshot.TraceLine {
	var out []snapshot.TraceLine
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(out) >= maxTraced {
			continue
		}
		out = append(out, snapshot.TraceLine{File: file, Line: n, Text: line[:min(len(line), 256)]})
	}
	return out
}

// The names of linux/bpf.h, as bpftool(8) writes them, from 0.
var (
	progTypes = strings.Fields(`unspec socket_filter kprobe sched_cls sched_act tracepoint xdp perf_event cgroup_skb cgroup_sock
		lwt_in lwt_out lwt_xmit sock_ops sk_skb cgroup_device sk_msg raw_tracepoint cgroup_sock_addr lwt_seg6local lirc_mode2
		sk_reuseport flow_dissector cgroup_sysctl raw_tracepoint_writable cgroup_sockopt tracing struct_ops ext lsm sk_lookup
		syscall netfilter`)
	mapTypes = strings.Fields(`unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array
		lru_hash lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage
		reuseport_sockarray percpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage
		task_storage bloom_filter user_ringbuf cgrp_storage arena`)
	linkTypes = strings.Fields(`unspec raw_tracepoint tracing cgroup iter netns xdp perf_event kprobe_multi struct_ops
		netfilter tcx uprobe_multi netkit sockmap`)
	attachTypes = strings.Fields(`cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create cgroup_sock_ops
		sk_skb_stream_parser sk_skb_stream_verdict cgroup_device sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind
		cgroup_inet4_connect cgroup_inet6_connect cgroup_inet4_post_bind cgroup_inet6_post_bind cgroup_udp4_sendmsg
		cgroup_udp6_sendmsg lirc_mode2 flow_dissector cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg cgroup_getsockopt
		cgroup_setsockopt trace_raw_tp trace_fentry trace_fexit modify_return lsm_mac trace_iter cgroup_inet4_getpeername
		cgroup_inet6_getpeername cgroup_inet4_getsockname cgroup_inet6_getsockname xdp_devmap cgroup_inet_sock_release xdp_cpumap
		sk_lookup xdp sk_skb_verdict sk_reuseport_select sk_reuseport_select_or_migrate perf_event trace_kprobe_multi lsm_cgroup
		struct_ops netfilter tcx_ingress tcx_egress trace_uprobe_multi cgroup_unix_connect cgroup_unix_sendmsg
		cgroup_unix_recvmsg cgroup_unix_getpeername cgroup_unix_getsockname netkit_primary netkit_peer`)
)
