package inventory

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

func p(path ...string) []string { return path }

// age stands where kubectl shows a column other than a wide one behind AGE.
var age = column{title: "AGE"}

// restarts, as AGE, is told as of the time of the table.
var restarts = column{title: "RESTARTS"}

// The columns of the kinds that have some of their own, as kubectl has them:
// pkg/printers/internalversion of Kubernetes. AGE comes before the first wide
// one where the list does not hold it.
var workloads = map[string][]column{
	"pods": {
		{"READY", false, podReady}, {"STATUS", false, podStatus}, restarts,
		{"IP", true, text("status", "podIP")}, {"NODE", true, text("spec", "nodeName")},
		{"NOMINATED NODE", true, text("status", "nominatedNodeName")}, {"READINESS GATES", true, podGates},
	},
	"nodes": {
		{"STATUS", false, nodeStatus}, {"ROLES", false, nodeRoles}, age, {"VERSION", false, text("status", "nodeInfo", "kubeletVersion")},
		{"INTERNAL-IP", true, nodeIP("InternalIP")}, {"EXTERNAL-IP", true, nodeIP("ExternalIP")}, {"OS-IMAGE", true, text("status", "nodeInfo", "osImage")},
		{"KERNEL-VERSION", true, text("status", "nodeInfo", "kernelVersion")}, {"CONTAINER-RUNTIME", true, text("status", "nodeInfo", "containerRuntimeVersion")},
	},
	"deployments": {
		{"READY", false, ratio(p("status", "readyReplicas"), p("spec", "replicas"))},
		{"UP-TO-DATE", false, number("status", "updatedReplicas")}, {"AVAILABLE", false, number("status", "availableReplicas")},
		{"CONTAINERS", true, containers}, {"IMAGES", true, images}, {"SELECTOR", true, labels("spec", "selector", "matchLabels")},
	},
	"statefulsets": {{"READY", false, ratio(p("status", "readyReplicas"), p("spec", "replicas"))}, {"CONTAINERS", true, containers}, {"IMAGES", true, images}},
	"replicasets": {
		{"DESIRED", false, number("spec", "replicas")}, {"CURRENT", false, number("status", "replicas")}, {"READY", false, number("status", "readyReplicas")},
		{"CONTAINERS", true, containers}, {"IMAGES", true, images}, {"SELECTOR", true, labels("spec", "selector", "matchLabels")},
	},
	"daemonsets": {
		{"DESIRED", false, number("status", "desiredNumberScheduled")}, {"CURRENT", false, number("status", "currentNumberScheduled")},
		{"READY", false, number("status", "numberReady")}, {"UP-TO-DATE", false, number("status", "updatedNumberScheduled")},
		{"AVAILABLE", false, number("status", "numberAvailable")}, {"NODE SELECTOR", false, labels("spec", "template", "spec", "nodeSelector")},
		{"CONTAINERS", true, containers}, {"IMAGES", true, images}, {"SELECTOR", true, labels("spec", "selector", "matchLabels")},
	},
	"jobs":     {{"STATUS", false, jobStatus}, {"COMPLETIONS", false, ratio(p("status", "succeeded"), p("spec", "completions"))}, {"FAILED", false, number("status", "failed")}},
	"cronjobs": {{"SCHEDULE", false, text("spec", "schedule")}, {"TIMEZONE", false, text("spec", "timeZone")}, {"SUSPEND", false, truth("spec", "suspend")}, {"ACTIVE", false, size("status", "active")}},
}

var networking = map[string][]column{
	"services": {
		{"TYPE", false, text("spec", "type")}, {"CLUSTER-IP", false, text("spec", "clusterIP")}, {"EXTERNAL-IP", false, externalIPs},
		{"PORT(S)", false, ports}, {"SELECTOR", true, labels("spec", "selector")},
	},
	"endpoints":       {{"ENDPOINTS", false, endpoints}},
	"endpointslices":  {{"ADDRESSTYPE", false, text("addressType")}, {"PORTS", false, slicePorts}, {"ENDPOINTS", false, sliceAddresses}},
	"leases":          {{"HOLDER", false, text("spec", "holderIdentity")}, {"RENEWED", true, text("spec", "renewTime")}, {"SECONDS", true, number("spec", "leaseDurationSeconds")}},
	"ingresses":       {{"CLASS", false, text("spec", "ingressClassName")}, {"HOSTS", false, hosts}},
	"networkpolicies": {{"POD-SELECTOR", false, labels("spec", "podSelector", "matchLabels")}, {"TYPES", false, joined("spec", "policyTypes")}},
	"apiservices":     {{"SERVICE", false, apiService}, {"AVAILABLE", false, condition("Available")}},
	"ipaddresses": {{"PARENTREF", false, func(o schema.Object) string {
		r := o.Sub("spec", "parentRef")
		return r.Text("resource") + "/" + r.Text("namespace") + "/" + r.Text("name")
	}}},
	"servicecidrs": {{"CIDRS", false, joined("spec", "cidrs")}},
}

var storage = map[string][]column{
	"configmaps": {{"DATA", false, size("data")}},
	"secrets":    {{"TYPE", false, text("type")}, {"DATA", false, size("data")}},
	"persistentvolumes": {
		{"CAPACITY", false, text("spec", "capacity", "storage")}, {"ACCESS MODES", false, modes("spec", "accessModes")},
		{"RECLAIM POLICY", false, text("spec", "persistentVolumeReclaimPolicy")}, {"STATUS", false, text("status", "phase")},
		{"CLAIM", false, func(o schema.Object) string {
			return o.Text("spec", "claimRef", "namespace") + "/" + o.Text("spec", "claimRef", "name")
		}},
		{"STORAGECLASS", false, text("spec", "storageClassName")},
	},
	"persistentvolumeclaims": {
		{"STATUS", false, text("status", "phase")}, {"VOLUME", false, text("spec", "volumeName")}, {"CAPACITY", false, text("status", "capacity", "storage")},
		{"ACCESS MODES", false, modes("status", "accessModes")}, {"STORAGECLASS", false, text("spec", "storageClassName")},
	},
	"storageclasses": {{"PROVISIONER", false, text("provisioner")}, {"RECLAIMPOLICY", false, text("reclaimPolicy")}, {"VOLUMEBINDINGMODE", false, text("volumeBindingMode")}},
	"csinodes":       {{"DRIVERS", false, size("spec", "drivers")}},
}

var policy = map[string][]column{
	"namespaces":                        {{"STATUS", false, text("status", "phase")}},
	"mutatingwebhookconfigurations":     {{"WEBHOOKS", false, size("webhooks")}, {"FAILURE", true, failure}, {"CALLS", true, calls}},
	"validatingwebhookconfigurations":   {{"WEBHOOKS", false, size("webhooks")}, {"FAILURE", true, failure}, {"CALLS", true, calls}},
	"validatingadmissionpolicies":       {{"VALIDATIONS", false, size("spec", "validations")}, {"FAILURE", false, text("spec", "failurePolicy")}},
	"validatingadmissionpolicybindings": {{"POLICYNAME", false, text("spec", "policyName")}, {"ACTIONS", false, joined("spec", "validationActions")}},
	"mutatingadmissionpolicybindings":   {{"POLICYNAME", false, text("spec", "policyName")}},
	"roles":                             {created},
	"clusterroles":                      {created},
	"rolebindings":                      {{"ROLE", false, roleRef}, {"SUBJECTS", true, subjects}},
	"clusterrolebindings":               {{"ROLE", false, roleRef}, {"SUBJECTS", true, subjects}},
	"priorityclasses":                   {{"VALUE", false, number("value")}, {"GLOBAL-DEFAULT", false, truth("globalDefault")}, age, {"PREEMPTIONPOLICY", false, text("preemptionPolicy")}},
	"flowschemas":                       {{"PRIORITYLEVEL", false, text("spec", "priorityLevelConfiguration", "name")}, {"MATCHINGPRECEDENCE", false, number("spec", "matchingPrecedence")}},
	"prioritylevelconfigurations":       {{"TYPE", false, text("spec", "type")}, {"NOMINALCONCURRENCYSHARES", false, number("spec", "limited", "nominalConcurrencyShares")}},
	"poddisruptionbudgets":              {{"MIN AVAILABLE", false, either("spec", "minAvailable")}, {"MAX UNAVAILABLE", false, either("spec", "maxUnavailable")}, {"ALLOWED", false, number("status", "disruptionsAllowed")}},
	"certificatesigningrequests":        {{"SIGNERNAME", false, text("spec", "signerName")}, {"REQUESTOR", false, text("spec", "username")}, {"CONDITION", false, approvals}},
	"customresourcedefinitions":         {{"GROUP", false, text("spec", "group")}, {"KIND", false, text("spec", "names", "kind")}, {"SCOPE", false, text("spec", "scope")}},
	"runtimeclasses":                    {{"HANDLER", false, text("handler")}},
	"controllerrevisions":               {{"REVISION", false, number("revision")}},
}

// created stands in the place of AGE.
var created = column{"CREATED AT", false, text("metadata", "creationTimestamp")}

// modes are access modes as kubectl shortens them.
func modes(path ...string) func(schema.Object) string {
	short := strings.NewReplacer("ReadWriteOncePod", "RWOP", "ReadWriteOnce", "RWO", "ReadOnlyMany", "ROX", "ReadWriteMany", "RWX")
	return func(o schema.Object) string { return short.Replace(joined(path...)(o)) }
}

// jobStatus is how a job ended, or what it is doing.
func jobStatus(o schema.Object) string {
	for _, kind := range []string{"Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"} {
		if condition(kind)(o) == "True" {
			return kind
		}
	}
	if o.Has("metadata", "deletionTimestamp") {
		return "Terminating"
	}
	return "Running"
}

// either is an IntOrString.
func either(path ...string) func(schema.Object) string {
	return func(o schema.Object) string {
		if s := o.Text(path...); s != "" || !o.Has(path...) {
			return s
		}
		return strconv.FormatInt(o.Int(path...), 10)
	}
}

func condition(kind string) func(schema.Object) string {
	return func(o schema.Object) string {
		for _, c := range o.List("status", "conditions") {
			if c.Text("type") == kind {
				if r := c.Text("reason"); c.Text("status") != "True" && r != "" {
					return c.Text("status") + " (" + r + ")"
				}
				return c.Text("status")
			}
		}
		return ""
	}
}

// each joins what fn says of each element of a list.
func each(o schema.Object, fn func(schema.Object) string, path ...string) string {
	var out []string
	for _, x := range o.List(path...) {
		if s := fn(x); s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, ",")
}

func containers(o schema.Object) string {
	return each(o, text("name"), "spec", "template", "spec", "containers")
}

func images(o schema.Object) string {
	return each(o, text("image"), "spec", "template", "spec", "containers")
}

func hosts(o schema.Object) string { return each(o, text("host"), "spec", "rules") }

func failure(o schema.Object) string { return each(o, text("failurePolicy"), "webhooks") }

func calls(o schema.Object) string {
	return each(o, func(w schema.Object) string {
		c := w.Sub("clientConfig")
		if c.Has("service") {
			return c.Text("service", "namespace") + "/" + c.Text("service", "name")
		}
		return c.Text("url")
	}, "webhooks")
}

func roleRef(o schema.Object) string {
	return o.Text("roleRef", "kind") + "/" + o.Text("roleRef", "name")
}

func subjects(o schema.Object) string {
	return each(o, func(s schema.Object) string {
		if ns := s.Text("namespace"); ns != "" {
			return s.Text("kind") + "/" + ns + "/" + s.Text("name")
		}
		return s.Text("kind") + "/" + s.Text("name")
	}, "subjects")
}

func approvals(o schema.Object) string {
	if s := each(o, text("type"), "status", "conditions"); s != "" {
		if o.Text("status", "certificate") != "" {
			s += ",Issued"
		}
		return s
	}
	return "Pending"
}

func apiService(o schema.Object) string {
	if !o.Has("spec", "service") {
		return "Local"
	}
	return o.Text("spec", "service", "namespace") + "/" + o.Text("spec", "service", "name")
}

func externalIPs(o schema.Object) string {
	if s := each(o, func(x schema.Object) string { return x.Text("ip") + x.Text("hostname") }, "status", "loadBalancer", "ingress"); s != "" {
		return s
	}
	if s := joined("spec", "externalIPs")(o); s != "" {
		return s
	}
	return o.Text("spec", "externalName")
}

func ports(o schema.Object) string {
	return each(o, func(x schema.Object) string {
		s := strconv.FormatInt(x.Int("port"), 10)
		if n := x.Int("nodePort"); n != 0 {
			s += fmt.Sprintf(":%d", n)
		}
		return s + "/" + x.Text("protocol")
	}, "spec", "ports")
}

func endpoints(o schema.Object) string {
	var out []string
	for _, s := range o.List("subsets") {
		for _, a := range s.List("addresses") {
			out = append(out, each(s, func(x schema.Object) string { return fmt.Sprintf("%s:%d", a.Text("ip"), x.Int("port")) }, "ports"))
		}
	}
	all := strings.Split(strings.Join(out, ","), ",")
	if len(all) > 3 {
		return strings.Join(all[:3], ",") + fmt.Sprintf(" + %d more...", len(all)-3)
	}
	return strings.Join(all, ",")
}

func slicePorts(o schema.Object) string { return each(o, number("port"), "ports") }

func sliceAddresses(o schema.Object) string { return each(o, joined("addresses"), "endpoints") }
