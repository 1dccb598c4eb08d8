package engine

import (
	"context"
	"os"
	"strings"
)

const (
	forwarding = "/proc/sys/net/ipv4/ip_forward"
	// forwardingBefore keeps what ip_forward was before our dockerd set it.
	forwardingBefore = "/run/klustered-ip-forward"
)

// noteForwarding writes down ip_forward, which dockerd is about to turn on.
func noteForwarding() error {
	before, err := os.ReadFile(forwarding)
	if err != nil {
		return err
	}
	return os.WriteFile(forwardingBefore, before, 0o644)
}

// restoreHost takes back what a stopped dockerd leaves behind: chains, the FORWARD
// policy and ip_forward. What cannot be taken back was not there, so errors are no news.
func restoreHost(ctx context.Context) {
	for _, tool := range []string{"iptables", "ip6tables"} {
		for _, table := range []string{"nat", "filter"} {
			removeDockerChains(ctx, tool, table)
		}
	}
	if before, err := os.ReadFile(forwardingBefore); err == nil {
		if strings.TrimSpace(string(before)) == "0" {
			Command(ctx, nil, "iptables", "-P", "FORWARD", "ACCEPT")
		}
		os.WriteFile(forwarding, before, 0o644)
		os.Remove(forwardingBefore)
	}
}

func removeDockerChains(ctx context.Context, tool, table string) {
	rules, err := Command(ctx, nil, tool, "-t", table, "-S")
	if err != nil {
		return
	}
	for _, argv := range dockerRemovals(string(rules)) {
		Command(ctx, nil, append([]string{tool, "-t", table}, argv...)...)
	}
}

// dockerRemovals reads `iptables -S` and gives the commands that remove every jump to a
// chain of Docker's and then the chains themselves.
func dockerRemovals(rules string) [][]string {
	var jumps, flushes, deletes [][]string
	for line := range strings.Lines(rules) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "-N" && strings.HasPrefix(f[1], "DOCKER"):
			flushes = append(flushes, []string{"-F", f[1]})
			deletes = append(deletes, []string{"-X", f[1]})
		case len(f) > 3 && f[0] == "-A" && !strings.HasPrefix(f[1], "DOCKER") && strings.Contains(line, "-j DOCKER"):
			jumps = append(jumps, append([]string{"-D"}, f[1:]...))
		}
	}
	return append(append(jumps, flushes...), deletes...)
}
