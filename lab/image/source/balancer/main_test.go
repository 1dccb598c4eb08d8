package main

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestBalancerPassesOverADeadServer(t *testing.T) {
	dead := listen(t)
	dead.Close()
	alive := listen(t)
	go func() {
		conn, err := alive.Accept()
		if err == nil {
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	front := listen(t)
	b := &balancer{servers: []string{dead.Addr().String(), alive.Addr().String()}, timeout: time.Second}
	go b.serve(front)

	conn, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte("hello"))
	conn.(*net.TCPConn).CloseWrite()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if got, err := io.ReadAll(conn); string(got) != "hello" {
		t.Errorf("got %q, %v; want %q", got, err, "hello")
	}
	if b.last.Load() != 1 {
		t.Errorf("last server is %d, want 1", b.last.Load())
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
