package bundle

import (
	"encoding/json"
	"fmt"
)

// The bounds of what is made of an entry: two bytes of JSON may become a
// structure of a kilobyte.
const (
	maxElements = 1 << 18 // of all lists
	maxValues   = 1 << 20 // of all lists and objects
)

// decode reads JSON, once it is known that it will not fill the memory.
func decode(data []byte, into any) error {
	elements, values := count(data)
	if elements > maxElements || values > maxValues {
		return fmt.Errorf("it lists more than a bundle may hold: %d elements, %d values", elements, values)
	}
	return json.Unmarshal(data, into)
}

// count is how many elements the lists of data have, and how many values its
// lists and objects, by the commas and brackets outside of strings: an empty
// one counts as one. Data that is no JSON may have any.
func count(data []byte) (elements, values int) {
	var within []byte // the brackets that are open
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			continue
		case '[', '{':
			within = append(within, c)
		case ']', '}':
			within = within[:max(0, len(within)-1)]
			continue
		case ',':
		default:
			continue
		}
		values++
		if n := len(within); n > 0 && within[n-1] == '[' {
			elements++
		}
	}
	return elements, values
}
