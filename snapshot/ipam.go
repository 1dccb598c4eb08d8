package snapshot

import "time"

// An IPAMNetwork is what the plugin host-local keeps of one network: the
// addresses that it gave to containers.
type IPAMNetwork struct {
	Name   string      `json:"name"`
	Dir    string      `json:"dir"`
	Config string      `json:"config,omitempty"` // FILE of the network's configuration, "" when no file names it
	Ranges []IPAMRange `json:"ranges,omitempty"`
	// Addresses are those given, in their order; at most 300 of Used.
	Addresses []IPAMAddress     `json:"addresses,omitempty"`
	Used      int               `json:"used"`
	Leaked    int               `json:"leaked,omitempty"` // given to containers that the runtime does not have
	Last      map[string]string `json:"last,omitempty"`   // last address given, by the number of the set of ranges
	Lock      bool              `json:"lock,omitempty"`   // the lock's file is there, which says nothing of who holds it
	Others    []string          `json:"others,omitempty"` // files that are none of the plugin's
}

// An IPAMRange is a range of addresses that may be given.
type IPAMRange struct {
	Set     int    `json:"set"` // each container gets an address of every set
	Subnet  string `json:"subnet"`
	From    string `json:"from"`
	To      string `json:"to"`
	Gateway string `json:"gateway,omitempty"`
	Total   uint64 `json:"total"` // addresses but the gateway's
	Free    uint64 `json:"free"`
}

// An IPAMAddress is an address that was given: a file whose name it is.
type IPAMAddress struct {
	IP        string    `json:"ip"`
	Container string    `json:"container"` // ID of the pod's sandbox
	Interface string    `json:"interface,omitempty"`
	Modified  time.Time `json:"modified,omitzero"`
	Known     Answer    `json:"known,omitempty"`   // the runtime has that container
	Outside   bool      `json:"outside,omitempty"` // of all ranges
	Sum       string    `json:"sum,omitempty"`     // SHA-256 of the file
}
