package proc

import (
	"os"
	"testing"
)

// BenchmarkRead is what a program that begins costs.
func BenchmarkRead(b *testing.B) {
	var r Reader
	for b.Loop() {
		if _, ok := r.Read(os.Getppid()); !ok {
			b.Fatal("no process")
		}
	}
}
