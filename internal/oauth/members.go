package oauth

import (
	stdjson "encoding/json"

	"github.com/go-jose/go-jose/v4/json"
)

// Closed is a DetailType whose elements have these members and no other.
type Closed interface {
	DetailType
	// Members are the names, without "type", which all have.
	Members() []string
}

// strangers refuses members that a type does not have: "The AS MUST refuse to process
// any unknown authorization details type or authorization details not conforming to
// the respective type definition" (RFC 9396, 5).
func strangers(d DetailType, elements []stdjson.RawMessage) *Refusal {
	closed, ok := d.(Closed)
	if !ok { // its Validate knows them
		return nil
	}
	allowed := map[string]bool{"type": true}
	for _, name := range closed.Members() {
		allowed[name] = true
	}
	for _, element := range elements {
		var members map[string]stdjson.RawMessage
		if err := json.Unmarshal(element, &members); err != nil {
			return refuse("invalid_authorization_details", "an element is no object with a type")
		}
		for name := range members {
			if !allowed[name] {
				return refuse("invalid_authorization_details", "member: the type has none that is called "+ascii(name[:min(len(name), 60)]))
			}
		}
	}
	return nil
}
