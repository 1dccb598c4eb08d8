package snapshot

import "time"

// Logs is what the journal, the kernel and the containers' logs said lately.
type Logs struct {
	Since        time.Time     `json:"since,omitzero"` // how far back was read
	Observations []Observation `json:"observations"`
	Bursts       []Burst       `json:"bursts,omitempty"`
	Tails        []LogTail     `json:"tails,omitempty"` // last lines, for quoting
}

// An Observation is a known message: what it says, how often, when.
type Observation struct {
	ID     string            `json:"id"`     // such as kubelet-cni-uninitialized
	Source string            `json:"source"` // journal:kubelet.service, or a path
	First  time.Time         `json:"first"`
	Last   time.Time         `json:"last"`
	Count  int               `json:"count"`
	Sample string            `json:"sample"`           // the last such line
	Cursor string            `json:"cursor,omitempty"` // of the sample: journal cursor or byte offset
	Params map[string]string `json:"params,omitempty"` // taken from the sample
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
