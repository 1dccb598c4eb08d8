package snapshot

import "time"

// Logs is what the journal, the kernel and the containers' logs said lately.
type Logs struct {
	Since        time.Time     `json:"since,omitzero" diff:"-"` // how far back was read
	Observations []Observation `json:"observations"`
	Bursts       []Burst       `json:"bursts,omitempty" diff:"-"`
	Tails        []LogTail     `json:"tails,omitempty" diff:"-"` // last lines, for quoting
}

// An Observation is a known message: what it says, how often, when.
type Observation struct {
	ID     string            `json:"id" diff:"key"`     // such as kubelet-cni-uninitialized
	Source string            `json:"source" diff:"key"` // journal:kubelet.service, or a path
	First  time.Time         `json:"first" diff:"-"`
	Last   time.Time         `json:"last" diff:"-"`
	Count  int               `json:"count" diff:"-"`
	Sample string            `json:"sample" diff:"-"`           // the last such line
	Cursor string            `json:"cursor,omitempty" diff:"-"` // of the sample: journal cursor or byte offset
	Params map[string]string `json:"params,omitempty" diff:"-"` // taken from the sample
}

// A Burst is a shape of error line that no observation knows.
type Burst struct {
	Source string    `json:"source"`
	Shape  string    `json:"shape"`
	Sample string    `json:"sample"`
	Count  int       `json:"count"`
	Last   time.Time `json:"last"`
}

// A LogTail is the end of one log.
type LogTail struct {
	Source string   `json:"source"`
	Lines  []string `json:"lines"`
}

// Seen returns the observations with the given id whose last occurrence is
// not older than within before at.
func (l *Logs) Seen(id string, at time.Time, within time.Duration) []Observation {
	var out []Observation
	for _, o := range l.Observations {
		if o.ID == id && at.Sub(o.Last) <= within {
			out = append(out, o)
		}
	}
	return out
}
