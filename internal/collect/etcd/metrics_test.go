package etcd

import (
	"math"
	"os"
	"testing"
)

func page(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParseMetrics(t *testing.T) {
	m := parseMetrics(page(t))
	if got := m.values[metricQuota]; got != 1<<20 {
		t.Errorf("quota: got %v", got)
	}
	if got := m.values[metricLeaders]; got != 1 {
		t.Errorf("leader changes: got %v", got)
	}
	h := m.histograms[metricFsync]
	if h.count < 100 || len(h.bounds) != 15 || !math.IsInf(h.bounds[14], 1) || h.counts[14] != h.count {
		t.Errorf("fsync: got %+v", h)
	}
	if q := h.quantile(0.99); q <= 0 || q > 100 {
		t.Errorf("fsync p99: got %v ms", q)
	}
	if got := h.meanSince(h); got != -1 {
		t.Errorf("nothing new: got %v, want -1", got)
	}
	if got := h.meanSince(&histogram{}); math.Abs(got-h.sum/h.count*1000) > 1e-9 {
		t.Errorf("mean: got %v", got)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	tests := map[string]struct {
		h    histogram
		want float64
	}{
		"none":        {histogram{}, -1},
		"empty":       {histogram{bounds: []float64{1, inf}, counts: []float64{0, 0}}, -1},
		"first":       {histogram{bounds: []float64{1, inf}, counts: []float64{100, 100}}, 990},
		"between":     {histogram{bounds: []float64{1, 2, inf}, counts: []float64{98, 100, 100}}, 1500},
		"beyond":      {histogram{bounds: []float64{1, 2, inf}, counts: []float64{0, 0, 10}}, 2000},
		"only beyond": {histogram{bounds: []float64{inf}, counts: []float64{10}}, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.h.quantile(0.99); math.Abs(got-tt.want) > 1e-6 {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add([]byte(metricFsync + "_bucket{le=\"0.1\"} 3\n" + metricFsync + "_bucket{le=\"+Inf\"} NaN\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		m := parseMetrics(data)
		for _, h := range m.histograms {
			h.quantile(0.99)
			h.meanSince(&histogram{})
		}
	})
}
