package kubeconfig

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/kubeconf"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// drill spoils one line of a component's kubeconfig, or overrides its server.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Static == nil || s.Kubeconfigs == nil {
		return nil, errors.New("cannot lead a component astray: its files were not read")
	}
	p, ok := manifest.Find(s, fault.Pick(d, components))
	k, has := file(s, p)
	c, u, _ := parts(k)
	at, err := url.Parse(c.Server)
	if !ok || !has || err != nil || at.Hostname() == "" || u.Cert == nil {
		return nil, errors.New("cannot lead a component astray: this node has no kubeconfig of one in kubeadm's form")
	}
	elsewhere := fmt.Sprintf("https://%s:%s", host(at), fault.Pick(d, []string{"6444", "8443", "7443", "16443", "6433"}))
	field := func(key string) int { return trust.FieldLine(k, c.Line, key) }
	var e op.EditLine
	switch d.Int(0, 7) {
	case 0, 1:
		e, err = kubeconf.Edit(k, field("server"), "", kubeconf.Value(k.LineAt(field("server")), elsewhere))
	case 2:
		e, err = kubeconf.Edit(k, field("server"), "", kubeconf.Value(k.LineAt(field("server")), "http://"+at.Host))
	case 3:
		e, err = kubeconf.Insert(k, field("server"), "", fmt.Sprintf("    proxy-url: http://127.0.0.1:%d", d.Int(20000, 29999)))
	case 4:
		e, err = kubeconf.Insert(k, field("server"), "", "    tls-server-name: "+fault.Pick(d, []string{"api." + d.Name() + ".internal", d.Name()}))
	case 5:
		e, err = kubeconf.Insert(k, trust.FieldLine(k, u.Line, "client-certificate-data"), "", "    as: "+fault.Pick(d, []string{"system:anonymous", "system:kube-proxy", d.Name()}))
	case 6:
		_, line := k.Find("current-context:")
		e, err = kubeconf.Edit(k, line, "", kubeconf.Value(k.LineAt(line), d.Name()+"@"+c.Name))
	case 7:
		return p.Change().Add(p, "--master="+elsewhere).Plan("another server")
	}
	if err != nil {
		return nil, err
	}
	return append(op.Plan{e}, certs.RestartStatic(s, p.Name())...), nil
}

// host is the host of a URL as a URL has it.
func host(u *url.URL) string {
	if h := u.Hostname(); len(h) > 0 && u.Host[0] == '[' {
		return "[" + h + "]"
	}
	return u.Hostname()
}
