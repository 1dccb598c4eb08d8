package etcdservers

import "testing"

func TestServes(t *testing.T) {
	listen := []string{"https://127.0.0.1:2379", "https://10.0.0.5:2379"}
	for x, want := range map[string]bool{
		"https://127.0.0.1:2379": true, "https://localhost:2379": true, "https://10.0.0.5:2379": true,
		"http://127.0.0.1:2379": false, "https://127.0.0.1:2380": false, "https://10.0.0.6:2379": false, "127.0.0.1:2379": false,
	} {
		if got := serves(listen, x); got != want {
			t.Errorf("%s: %v", x, got)
		}
	}
	if !serves([]string{"https://0.0.0.0:2379"}, "https://10.0.0.6:2379") {
		t.Error("a member that listens at all addresses")
	}
}
