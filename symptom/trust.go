package symptom

import (
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// Symptoms of the operator's tools.
const (
	CommandsMislead  ID = "commands-mislead"  // a command that is typed does another thing than its program
	SessionActs      ID = "session-acts"      // a session does more than what is typed, or cannot do it
	ProgramsLoaded   ID = "programs-injected" // something foreign is loaded into programs
	ProcessDisguised ID = "process-disguised" // a process is hidden, or goes by another's name
	AdminAstray      ID = "admin-goes-astray" // an admin kubeconfig does not lead to this cluster as its administrator
)

func trusts() []Symptom {
	return []Symptom{{
		ID: ProgramsLoaded, Title: "something foreign is loaded into programs", Stored: true,
		LeadsTo: []Edge{here(CommandsMislead, Sometimes)},
		Observe: programsLoaded,
	}, {
		ID: SessionActs, Title: "an operator's session does more than what is typed, or cannot do it", Stored: true,
		Observe: sessionActs,
	}, {
		ID: CommandsMislead, Title: "a command that is typed does another thing than its program", Stored: true,
		Observe: commandsMislead,
	}, {
		ID: ProcessDisguised, Title: "a process is hidden, or goes by the name of another",
		Observe: processDisguised,
	}, {
		ID: AdminAstray, Title: "an admin kubeconfig does not lead to this cluster as its administrator", Stored: true,
		Observe: adminAstray,
	}}
}

func commandsMislead(s *snapshot.Snapshot) (State, []finding.Fact) {
	facts := heads(slices.Concat(trust.Overridden(s), trust.Replaced(s), trust.Preset(s)))
	return looks(s.Shell != nil || s.Trust != nil || len(facts) > 0, facts)
}

func sessionActs(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Shell == nil && s.Users == nil {
		return NotLooked, nil
	}
	return verdict(heads(slices.Concat(trust.LoginShells(s), trust.Hooked(s))))
}

func programsLoaded(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Loader == nil {
		return NotLooked, nil
	}
	return verdict(heads(slices.Concat(trust.Loaded(s), trust.AuthModules(s))))
}

func processDisguised(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.View == nil && s.Processes == nil {
		return NotLooked, nil
	}
	return verdict(heads(slices.Concat(trust.Hidden(s), trust.Posed(s))))
}

func adminAstray(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Kubeconfigs == nil || len(s.Kubeconfigs.Files) == 0 {
		return NotLooked, nil
	}
	return verdict(heads(trust.Kubeconfigs(s)))
}

// heads are the first fact of each doubt.
func heads(list []trust.Doubt) []finding.Fact {
	var facts []finding.Fact
	for _, d := range list {
		facts = append(facts, d.Facts[0])
	}
	return facts
}
