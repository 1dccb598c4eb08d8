package kubelet

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Vary plans that the kubelet is started with another value of one setting,
// written in one of the places where people write them: the configuration
// file, a drop-in of it, an environment file, a drop-in of the unit.
func Vary(k *snapshot.Kubelet, d *fault.Dice, key, value string) (op.Plan, error) {
	ways := []func() (op.Plan, error){
		func() (op.Plan, error) { return inConfig(k, key, value) },
		func() (op.Plan, error) { return inConfig(k, key, value) },
		func() (op.Plan, error) { return inDropIn(k, d, strings.Join(nest(key, value), "\n")+"\n") },
		func() (op.Plan, error) { return asFlag(k, d, key, value) },
		func() (op.Plan, error) { return asFlag(k, d, key, value) },
	}
	first := d.Int(0, len(ways)-1)
	var err error
	for i := range ways {
		var plan op.Plan
		if plan, err = ways[(first+i)%len(ways)](); err == nil {
			return plan, nil
		}
	}
	return nil, err
}

// inConfig changes the configuration file.
func inConfig(k *snapshot.Kubelet, key, value string) (op.Plan, error) {
	e := k.Effective[key]
	if e.Flag != "" || e.Source != k.ConfigPath && e.Source != "default" && e.Source != "" || strings.HasPrefix(key, "--") || k.ConfigPath == "" {
		return nil, fmt.Errorf("cannot set %s in the configuration file: %s wins", key, Where(e.Origin))
	}
	dr := newDraft(k)
	change := func() error { return dr.addField(key, value) }
	if e.Source == k.ConfigPath {
		change = func() error { return dr.setField(e.Origin, key, value) }
	}
	if err := change(); err != nil {
		return nil, err
	}
	return dr.plan("set " + last(key)), nil
}

// InDropIn plans a drop-in of the configuration with these lines.
func InDropIn(k *snapshot.Kubelet, d *fault.Dice, lines string) (op.Plan, error) {
	return inDropIn(k, d, lines)
}

func inDropIn(k *snapshot.Kubelet, d *fault.Dice, lines string) (op.Plan, error) {
	if len(k.DropIns) > 0 || flagSet(k, "config-dir") {
		return nil, fmt.Errorf("cannot add a drop-in: the kubelet has some already")
	}
	at := fault.Pick(d, []string{"/etc/kubernetes/kubelet.conf.d", "/var/lib/kubelet/config.d"})
	name := path.Join(at, fmt.Sprintf("%02d-%s.conf", d.Int(10, 90), d.Name()))
	text := "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n" + lines
	plan, err := Argue(k, d, "--config-dir="+at)
	if err != nil {
		return nil, err
	}
	return slices.Concat(op.Plan{op.WriteFile{Path: name, Data: []byte(text), Mode: 0o644, Why: "settings of its own"}}, plan), nil
}

func flagSet(k *snapshot.Kubelet, name string) bool {
	return slices.ContainsFunc(Next(k), func(w snapshot.Word) bool { return strings.HasPrefix(w.Text, "--"+name) })
}

// asFlag sets the value with the flag that is bound to the setting.
func asFlag(k *snapshot.Kubelet, d *fault.Dice, key, value string) (op.Plan, error) {
	if name, ok := strings.CutPrefix(key, "--"); ok {
		return Argue(k, d, "--"+name+"="+value)
	}
	c, _ := Table(k)
	r := component.ReleaseOf(k.Version)
	for _, f := range c.Flags() {
		at, ok := r.Binding(f.Name)
		if ok && at == key {
			return Argue(k, d, "--"+f.Name+"="+strings.Trim(value, `[]"`))
		}
		if part, in := strings.CutPrefix(key, at+"."); ok && in && strings.HasPrefix(f.Type, "mapString") {
			sign := "="
			if f.Type == "mapStringLess" {
				sign = "<"
			}
			return Argue(k, d, "--"+f.Name+"="+part+sign+value)
		}
	}
	return nil, fmt.Errorf("cannot set %s by a flag: there is none", key)
}

// extra and flags are the variables of kubeadm's unit, and their files.
const (
	extraVar  = "KUBELET_EXTRA_ARGS"
	extraFile = "/etc/default/kubelet"
	flagsVar  = "KUBELET_KUBEADM_ARGS"
	flagsFile = "/var/lib/kubelet/kubeadm-flags.env"
)

// Argue plans that the kubelet is started with one more argument: in one of
// the environment files that its unit reads, or by a drop-in of the unit.
func Argue(k *snapshot.Kubelet, d *fault.Dice, argument string) (op.Plan, error) {
	why := "one more argument"
	if k.Start == nil || !uses(k, extraVar) {
		return nil, fmt.Errorf("cannot add an argument: the unit has no variable for more of them")
	}
	free := slices.Contains(k.Start.Missing, extraFile)
	var ways []op.Plan
	if t, ok := File(k, flagsFile); ok && t.Whole() && uses(k, flagsVar) {
		if at := strings.LastIndex(t.Content, `"`); at > 0 {
			if w, err := fault.Rewrite(t, t.Content[:at]+" "+argument+t.Content[at:], why); err == nil {
				ways = append(ways, op.Plan{w})
			}
		}
	}
	if free {
		text := extraVar + "=" + argument + "\n"
		ways = append(ways, op.Plan{op.WriteFile{Path: extraFile, Data: []byte(text), Mode: 0o644, Why: why}})
		drop := fmt.Sprintf("[Service]\nEnvironment=\"%s=%s\"\n", extraVar, argument)
		name := path.Join(dir, fmt.Sprintf("%02d-%s.conf", d.Int(20, 90), d.Name()))
		ways = append(ways, op.Plan{op.WriteFile{Path: name, Data: []byte(drop), Mode: 0o644, Why: why}})
	}
	if len(ways) == 0 {
		return nil, fmt.Errorf("cannot add an argument: no file for it can be written")
	}
	return append(fault.Pick(d, ways), Restart()...), nil
}

// uses reports whether one of the unit's files puts the variable on the
// command line.
func uses(k *snapshot.Kubelet, name string) bool {
	return slices.ContainsFunc(k.Files, func(t snapshot.Text) bool {
		return strings.Contains(t.Content, "ExecStart") && strings.Contains(t.Content, "$"+name)
	})
}
