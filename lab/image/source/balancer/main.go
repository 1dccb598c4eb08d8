// Command balancer passes TCP connections on to the first API server that takes them.
// Each node of a cluster with several control planes runs it on the loopback address,
// so that no kubelet hangs on one control plane alone.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7443", "address to listen on")
	servers := flag.String("servers", "", "API servers, host:port, comma separated")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatalf("cannot listen: %v", err)
	}
	b := &balancer{servers: strings.Split(*servers, ","), timeout: time.Second}
	log.Fatal(b.serve(l))
}

// balancer remembers which server took the last connection and asks it first.
type balancer struct {
	servers []string
	timeout time.Duration
	last    atomic.Int64
}

func (b *balancer) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go b.handle(conn)
	}
}

func (b *balancer) handle(client net.Conn) {
	defer client.Close()
	server := b.dial()
	if server == nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { pass(server, client) })
	both.Go(func() { pass(client, server) })
	both.Wait()
}

// dial asks every server in turn, beginning with the one that answered last.
func (b *balancer) dial() net.Conn {
	first := int(b.last.Load())
	for i := range b.servers {
		n := (first + i) % len(b.servers)
		if conn, err := net.DialTimeout("tcp", b.servers[n], b.timeout); err == nil {
			b.last.Store(int64(n))
			return conn
		}
	}
	log.Printf("no API server takes connections: %s", strings.Join(b.servers, ", "))
	return nil
}

// pass copies until the source ends and tells the other side that no more will come.
func pass(to, from net.Conn) {
	io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok {
		tcp.CloseWrite()
	}
}
