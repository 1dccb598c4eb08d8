package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	tries    = 8
	patience = 650 * time.Millisecond // less than the second after which TCP repeats a SYN
	spacing  = 15 * time.Millisecond
	requests = 4   // on one connection, to press on small buckets in both directions
	padding  = 150 // bytes in a request's header
	maxRead  = 4096
)

// outcome is one try.
type outcome struct {
	ms     float64
	err    error
	status int
}

// run makes the tries, overlapping, and sums them up.
func (j *job) run(ctx context.Context) snapshot.Probe {
	results := make([]outcome, tries)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = j.try() })
		if i+1 < tries {
			select {
			case <-time.After(spacing):
			case <-ctx.Done():
				results = results[:i+1]
			}
		}
		if i+1 >= len(results) {
			break
		}
	}
	wg.Wait()
	return sum(j.probe, results)
}

// try makes one connection. The time is that of the handshake, or of the name
// server's answer; what is sent on a connection only presses on the path.
func (j *job) try() (o outcome) {
	err := rtnl.In(j.netns, func() error {
		if j.name != "" {
			o = ask(j.probe.To, j.name)
			return nil
		}
		begun := time.Now()
		c, err := net.DialTimeout("tcp", j.probe.To, patience)
		o = outcome{ms: since(begun), err: err}
		if err != nil {
			return nil
		}
		defer c.Close()
		switch {
		case j.http:
			o.status = head(c)
		case j.tls:
			greet(c)
		default:
			press(j.probe.To)
		}
		return nil
	})
	if err != nil {
		o.err = err
	}
	return o
}

func since(t time.Time) float64 { return math.Round(float64(time.Since(t).Microseconds())) / 1000 }

// head asks for the headers of a health page, several times on one
// connection, and returns the status, or 0.
func head(c net.Conn) int {
	c.SetDeadline(time.Now().Add(patience / 2))
	request := "HEAD /healthz HTTP/1.1\r\nHost: klustered.invalid\r\nUser-Agent: klustered\r\nX-Padding: " + strings.Repeat("k", padding) + "\r\n"
	all := strings.Repeat(request+"\r\n", requests-1) + request + "Connection: close\r\n\r\n"
	if _, err := io.WriteString(c, all); err != nil {
		return 0
	}
	answer, _ := io.ReadAll(io.LimitReader(c, maxRead))
	f := strings.Fields(string(answer[:min(len(answer), 16)]))
	if len(f) < 2 || !strings.HasPrefix(f[0], "HTTP/") {
		return 0
	}
	status, _ := strconv.Atoi(f[1])
	return status
}

// greet completes a TLS handshake, so that the server has nothing to complain
// of. Whom the certificate names does not matter here.
func greet(c net.Conn) {
	c.SetDeadline(time.Now().Add(patience / 2))
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if t.Handshake() == nil {
		t.Close()
	}
}

// press makes two more connections, untimed.
func press(to string) {
	for range 2 {
		if c, err := net.DialTimeout("tcp", to, patience/4); err == nil {
			c.Close()
		}
	}
}

// ask sends one query for an A record and waits for its answer.
func ask(server, name string) outcome {
	begun := time.Now()
	c, err := net.DialTimeout("udp", server, patience)
	if err != nil {
		return outcome{err: err}
	}
	defer c.Close()
	c.SetDeadline(begun.Add(patience))
	id := uint16(begun.UnixNano())
	query, err := question(id, name)
	if err == nil {
		_, err = c.Write(query)
	}
	buf := make([]byte, maxRead)
	for err == nil {
		var n int
		if n, err = c.Read(buf); err != nil {
			break
		}
		if mine, bad := answered(buf[:n], id); mine {
			return outcome{ms: since(begun), err: bad}
		}
	}
	return outcome{ms: since(begun), err: err}
}

func question(id uint16, name string) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	return m.Pack()
}

// errName is an answer that says that the name cannot be resolved.
type errName struct{ code dnsmessage.RCode }

func (e errName) Error() string { return "the name server says " + e.code.String() }

// answered reports whether data answers query id, and what error it says.
func answered(data []byte, id uint16) (bool, error) {
	var p dnsmessage.Parser
	h, err := p.Start(data)
	if err != nil || h.ID != id || !h.Response {
		return false, nil
	}
	if h.RCode != dnsmessage.RCodeSuccess {
		return true, errName{h.RCode}
	}
	return true, nil
}

// sum makes the probe of its tries. A refusal is an answer: it came in time.
func sum(p snapshot.Probe, results []outcome) snapshot.Probe {
	p.Tries, p.Lost, p.Refused, p.Status, p.Error = len(results), 0, 0, 0, ""
	var times []float64
	for _, o := range results {
		var name errName
		switch {
		case o.err == nil:
			times = append(times, o.ms)
		case errors.Is(o.err, syscall.ECONNREFUSED), errors.As(o.err, &name):
			p.Refused++
			times = append(times, o.ms)
			p.Error = plain(o.err)
		default:
			p.Lost++
			p.Error = plain(o.err)
		}
		if o.status > 0 {
			p.Status = o.status
		}
	}
	p.MinMs, p.MedianMs, p.MaxMs = 0, 0, 0
	if slices.Sort(times); len(times) > 0 {
		p.MinMs, p.MedianMs, p.MaxMs = times[0], times[len(times)/2], times[len(times)-1]
	}
	return p
}

// plain is an error without the addresses, which stand beside it.
func plain(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer within " + patience.String()
	}
	var e *net.OpError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// address reads address:port.
func address(to string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddrPort(to)
	return a, err == nil
}
