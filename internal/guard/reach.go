package guard

import (
	"sync"
	"time"
)

// A reach does what may hang, such as reading a file over the network, and
// does not wait for it longer than a while.
type reach struct {
	hung func(name string) // is told of what does not answer

	mu   sync.Mutex
	open int // that have not come back
}

const (
	reachTime = 2 * time.Second
	// maxStuck is how much may hang at once: what is beyond it is not tried.
	maxStuck = 8
)

// do reports whether f has come back. One that has not goes on by itself.
func (r *reach) do(name string, f func()) bool {
	r.mu.Lock()
	if r.open >= maxStuck {
		r.mu.Unlock()
		r.hung(name)
		return false
	}
	r.open++
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		f()
		r.mu.Lock()
		r.open--
		r.mu.Unlock()
		close(done)
	}()
	limit := time.NewTimer(reachTime)
	defer limit.Stop()
	select {
	case <-done:
		return true
	case <-limit.C:
		r.hung(name)
		return false
	}
}

// read reads how a file stands; false when its file system does not answer.
func (r *reach) read(name string) (s state, ok bool) {
	c := make(chan state, 1)
	if !r.do(name, func() { c <- read(name) }) {
		return s, false
	}
	return <-c, true
}

// stuck reports whether something has not come back.
func (r *reach) stuck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open > 0
}
