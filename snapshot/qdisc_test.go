package snapshot

import "testing"

func TestQdiscReadsAsTcShowsIt(t *testing.T) {
	for want, q := range map[string]Qdisc{
		"qdisc tbf 8001: root rate 96Kbit burst 1599b lat 116.8ms": {Kind: "tbf", Handle: "8001:", Parent: "root", RateBps: 96000, BurstBytes: 1599, LimitBytes: 3000},
		"qdisc netem 8002: root limit 1000 delay 30ms 2ms loss 5%": {Kind: "netem", Handle: "8002:", Parent: "root", LimitBytes: 1000, DelayUs: 30000, JitterUs: 2000, LossPct: 5},
		"qdisc pfifo 10: parent 1:2":                               {Kind: "pfifo", Handle: "10:", Parent: "1:2"},
		"qdisc cake 1: root rate 1.5Mbit":                          {Kind: "cake", Handle: "1:", Parent: "root", RateBps: 1500000},
	} {
		if got := q.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
