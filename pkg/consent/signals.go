package consent

import "github.com/govmydata/mydata/pkg/signal"

// told says who hears of which event. An agency hears of what it did not do
// itself; a citizen of what was done in their name. A kind that is not here, as
// a request that waits for its answer, is told to nobody.
var told = map[Kind]struct {
	as                          signal.Kind
	consumer, provider, citizen bool
}{
	KindGranted:     {as: signal.GrantGranted, consumer: true, citizen: true},
	KindDenied:      {as: signal.GrantDenied, consumer: true},
	KindCancelled:   {as: signal.GrantCancelled, provider: true},
	KindUsed:        {as: signal.UseCommitted, citizen: true},
	KindReceived:    {as: signal.UseReceived, provider: true},
	KindPaused:      {as: signal.GrantPaused, consumer: true, provider: true, citizen: true},
	KindResumed:     {as: signal.GrantResumed, consumer: true, provider: true},
	KindWithdrawn:   {as: signal.GrantWithdrawn, consumer: true, provider: true, citizen: true},
	KindExpired:     {as: signal.GrantExpired, consumer: true, provider: true},
	KindConsumed:    {as: signal.GrantConsumed, consumer: true, provider: true},
	KindInvalidated: {as: signal.GrantInvalidated, consumer: true, provider: true, citizen: true},
	"superseded":    {as: signal.GrantSuperseded, consumer: true, provider: true},
}

// signalsOf are what the events of one commit tell others. r is the record as it
// was or became: the parties are the same.
func signalsOf(events []Event, r Record) []signal.Signal {
	var all []signal.Signal
	for _, e := range events {
		rule, ok := told[e.Kind]
		if !ok {
			continue
		}
		tell := func(audience string) {
			all = append(all, signal.New(audience, rule.as, string(e.Grant), e.Seq, e.Use, e.At))
		}
		if rule.consumer && r.Consumer != "" {
			tell(r.Consumer)
		}
		if rule.provider && r.Provider != "" {
			tell(r.Provider)
		}
		if rule.citizen && e.Citizen != "" {
			tell(signal.Citizen(e.Citizen))
		}
	}
	return all
}
