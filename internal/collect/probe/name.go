package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/klustered/klustered/snapshot"
)

// maxAnswers bounds the addresses that are kept of an answer.
const maxAnswers = 16

// askName asks a name server for the IPv4 address of a name, over UDP or TCP.
func askName(ctx context.Context, x *snapshot.Contact, name string) {
	begun := time.Now()
	id := uint16(begun.UnixNano())
	query, err := question(id, name)
	if err != nil {
		x.Error = reason(err)
		return
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, x.Protocol, x.Address)
	if err != nil {
		x.Error = reason(err)
		return
	}
	defer c.Close()
	end, _ := ctx.Deadline()
	c.SetDeadline(end)
	data, err := exchange(c, x.Protocol == "tcp", query, id)
	if err != nil {
		x.Error = reason(err)
		return
	}
	x.Ms = since(begun)
	if x.RCode, x.Answers, err = parseAnswer(data); err != nil {
		x.Error = "an answer that cannot be read"
	}
}

// exchange sends a query and returns the answer to it. Over TCP each message
// has its length before it.
func exchange(c net.Conn, stream bool, query []byte, id uint16) ([]byte, error) {
	if stream {
		query = append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	}
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, maxRead)
	for range 4 {
		n := 0
		var err error
		if stream {
			if _, err = io.ReadFull(c, buf[:2]); err == nil {
				n = min(int(binary.BigEndian.Uint16(buf)), len(buf))
				_, err = io.ReadFull(c, buf[:n])
			}
		} else {
			n, err = c.Read(buf)
		}
		if err != nil {
			return nil, err
		}
		if n >= 12 && binary.BigEndian.Uint16(buf) == id && buf[2]&0x80 != 0 {
			return buf[:n], nil
		}
	}
	return nil, errors.New("answers to what was not asked")
}

// parseAnswer reads a name server's answer: its code and the addresses in it.
func parseAnswer(data []byte) (code string, answers []string, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(data)
	if err != nil {
		return "", nil, err
	}
	code = map[dnsmessage.RCode]string{dnsmessage.RCodeSuccess: "success", dnsmessage.RCodeNameError: "NXDOMAIN", dnsmessage.RCodeServerFailure: "SERVFAIL", dnsmessage.RCodeRefused: "REFUSED"}[h.RCode]
	if code == "" {
		code = h.RCode.String()
	}
	if err := p.SkipAllQuestions(); err != nil {
		return code, nil, err
	}
	for len(answers) < maxAnswers {
		r, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return code, answers, err
		}
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			answers = append(answers, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			answers = append(answers, netip.AddrFrom16(b.AAAA).String())
		}
	}
	slices.Sort(answers)
	return code, answers, nil
}
