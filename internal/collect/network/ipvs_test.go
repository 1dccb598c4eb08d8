package network

import (
	"encoding/binary"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/snapshot"
)

func u16(v uint16) []byte { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// ipvsMessages are made by hand in the form that linux/ip_vs.h describes.
func ipvsMessages() (virtual, real []byte) {
	addr := append([]byte{10, 96, 0, 10}, make([]byte, 12)...)
	virtual = genl(1, attrs(ipvsService, attrs(svcAF, u16(unix.AF_INET), svcProtocol, u16(unix.IPPROTO_UDP), svcAddr, addr, svcPort, []byte{0, 53}, svcSched, "rr", svcTimeout, u32(10800), svcStats, attrs(1, u32(7)))))
	real = genl(5, attrs(ipvsDest, attrs(dstAddr, append([]byte{10, 244, 1, 7}, make([]byte, 12)...), dstPort, []byte{0, 53}, dstMethod, u32(0), dstWeight, u32(1), dstActive, u32(3), dstInactive, u32(4), dstAF, u16(unix.AF_INET))))
	return virtual, real
}

func TestIPVS(t *testing.T) {
	virtual, real := ipvsMessages()
	s, key, ok := parseVirtual(virtual)
	if want := (snapshot.IPVSService{Protocol: "udp", Address: "10.96.0.10:53", Scheduler: "rr", Timeout: 10800, Conns: 7}); !ok || !reflect.DeepEqual(s, want) || len(key) == 0 {
		t.Errorf("got %+v, want %+v", s, want)
	}
	d, ok := parseReal(real)
	if want := (snapshot.IPVSReal{Address: "10.244.1.7:53", Method: "masq", Weight: 1, Active: 3, Inactive: 4}); !ok || d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
}

func TestAKernelWithoutIPVSHasNone(t *testing.T) {
	ns := rtnltest.New(t)
	err := rtnl.In(ns, func() error {
		list, err := readIPVS()
		if len(list) > 0 {
			t.Errorf("a new namespace has %+v", list)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func FuzzIPVS(f *testing.F) {
	virtual, real := ipvsMessages()
	f.Add(virtual)
	f.Add(real)
	f.Fuzz(func(t *testing.T, data []byte) {
		parseVirtual(data)
		parseReal(data)
	})
}
