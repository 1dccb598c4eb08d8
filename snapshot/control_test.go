package snapshot

import "testing"

func TestStarved(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    CPUControl
		want bool
	}{
		{"waits in most of its periods", CPUControl{QuotaUs: 1, RecentPeriods: 4, RecentThrottled: 2}, true},
		{"waits in few", CPUControl{QuotaUs: 1, RecentPeriods: 4, RecentThrottled: 1}, false},
		{"was asleep", CPUControl{QuotaUs: 1, Periods: 90, Throttled: 90}, false},
		{"one period, the first", CPUControl{QuotaUs: 1, Periods: 1, Throttled: 1, RecentPeriods: 1, RecentThrottled: 1}, false},
		{"pays for long what it took", CPUControl{QuotaUs: 5000, Periods: 755, Throttled: 647, RecentPeriods: 1, RecentThrottled: 1}, true},
		{"paid once", CPUControl{QuotaUs: 5000, Periods: 755, Throttled: 47, RecentPeriods: 1, RecentThrottled: 1}, false},
		{"has no quota any more", CPUControl{RecentPeriods: 4, RecentThrottled: 4}, false},
	} {
		if got := tt.c.Starved(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
