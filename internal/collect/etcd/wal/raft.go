package wal

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
)

// An Entry is one entry of the members' agreement: raftpb.Entry.
type Entry struct {
	Index, Term uint64
	Normal      bool // it is a request, not a change of the members
	Data        []byte
}

// A State is what a member promised last: raftpb.HardState.
type State struct {
	Term   uint64
	Vote   uint64 // the member it voted for, 0 for none
	Commit uint64 // index up to which entries are agreed on
}

func parseEntry(b []byte) (Entry, error) {
	e := Entry{Normal: true}
	err := fields(b, func(n protowire.Number, number uint64, data []byte) {
		switch n {
		case 1:
			e.Normal = number == 0
		case 2:
			e.Term = number
		case 3:
			e.Index = number
		case 4:
			e.Data = data
		}
	})
	return e, err
}

func parseState(b []byte) (State, error) {
	var s State
	err := fields(b, func(n protowire.Number, number uint64, _ []byte) {
		switch n {
		case 1:
			s.Term = number
		case 2:
			s.Vote = number
		case 3:
			s.Commit = number
		}
	})
	return s, err
}

// two reads fields 1 and 2 of a message, which are numbers: the IDs of a
// etcdserverpb.Metadata, index and term of a walpb.Snapshot.
func two(b []byte) (first, second uint64, err error) {
	err = fields(b, func(n protowire.Number, number uint64, _ []byte) {
		switch n {
		case 1:
			first = number
		case 2:
			second = number
		}
	})
	return first, second, err
}

// A Log is what the segments hold.
type Log struct {
	Member, Cluster uint64 // IDs
	State           State
	Snapshot        uint64 // index of the last snapshot that the log knows of
	First, Last     uint64 // indexes of the entries that were read
	LastTerm        uint64
	Entries         []Entry // those behind the index that was asked for
	Count           int     // entries that were read
	Partial         bool    // some of Entries were left out
	Torn            bool    // it ends in the middle of a record
	Bytes           int64   // that hold records

	after uint64
	kept  int
}

// maxKept bounds the bytes of entries that are kept.
const maxKept = 96 << 20

// take adds a record to the log. An entry takes the place of those that had
// its index or a higher one, as a new leader may have it.
func (l *Log) take(r record) error {
	var err error
	switch r.kind {
	case typeMetadata:
		l.Member, l.Cluster, err = two(r.data)
	case typeState:
		l.State, err = parseState(r.data)
	case typeSnapshot:
		var index uint64
		if index, _, err = two(r.data); err == nil {
			l.Snapshot = max(l.Snapshot, index)
		}
	case typeEntry:
		var e Entry
		if e, err = parseEntry(r.data); err == nil {
			l.entry(e)
		}
	}
	return err
}

func (l *Log) entry(e Entry) {
	if l.Count++; l.First == 0 {
		l.First = e.Index
	}
	l.Last, l.LastTerm = e.Index, e.Term
	if e.Index <= l.after {
		return
	}
	for n := len(l.Entries); n > 0 && l.Entries[n-1].Index >= e.Index; n-- {
		l.kept -= len(l.Entries[n-1].Data)
		l.Entries = l.Entries[:n-1]
	}
	if l.kept += len(e.Data); l.kept > maxKept {
		l.kept -= len(e.Data)
		l.Partial = true
		return
	}
	e.Data = bytes.Clone(e.Data)
	l.Entries = append(l.Entries, e)
}
