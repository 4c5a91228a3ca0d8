package sdk

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/govmydata/mydata/pkg/consent"
	"github.com/govmydata/mydata/pkg/signal"
)

const (
	pollPath  = "/agency/signals"
	pollPause = 2 * time.Second // after an answer that holds nothing
	maxPause  = 5 * time.Minute // after failures
)

// polled is what one poll found and what the next one says of it.
type polled struct {
	taken   int
	ack     []string
	refused map[string]signal.Fault
}

// Poll asks the hub for signals until there are none (RFC 8936), deals with each
// as if it had been pushed, and acknowledges. It answers how many came.
func (s *Signals) Poll(ctx context.Context) (int, error) {
	taken, last := 0, polled{}
	for {
		next, err := s.poll(ctx, signal.Poll{Now: true, Ack: last.ack, Faults: last.refused})
		taken += next.taken
		if err != nil {
			return taken, err
		}
		if last = next; len(last.ack)+len(last.refused) == 0 {
			return taken, nil
		}
	}
}

// Run polls until ctx ends: the hub holds the question while there is nothing.
func (s *Signals) Run(ctx context.Context) error {
	var last polled
	for failures := 0; ; {
		next, err := s.poll(ctx, signal.Poll{Ack: last.ack, Faults: last.refused})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause := time.Duration(0)
		switch {
		case err != nil:
			failures++
			pause = min(time.Second<<min(failures, 10), maxPause)
			s.config.Logger.WarnContext(ctx, "poll", "error", err.Error())
		case next.taken == 0:
			last, failures, pause = next, 0, pollPause
		default:
			last, failures = next, 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (s *Signals) poll(ctx context.Context, p signal.Poll) (polled, error) {
	var found polled
	body, err := json.Marshal(p)
	if err != nil {
		return found, err
	}
	address := s.config.Trust.Issuer + pollPath
	call, err := consent.SignCall(consent.CallClaims{
		Issuer: s.config.Keys.Agency, Audience: address, IssuedAt: s.config.Now().Unix(), ID: rand.Text(), Body: consent.DigestOfBody(body),
	}, s.config.Keys.Signer, s.config.Keys.Chain)
	if err != nil {
		return found, fmt.Errorf("sign poll: %w", err)
	}
	a, err := s.net.do(ctx, http.MethodPost, address, http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, application/problem+json"}, "Authorization": {"Bearer " + call},
	}, body)
	if err != nil {
		return found, err
	}
	if err := a.unavailable(); err != nil {
		return found, err
	}
	if a.status != http.StatusOK {
		var no problem
		if json.Unmarshal(a.body, &no) != nil || no.Code == "" {
			no = problem{Code: "refused", Cause: "the hub's refusal cannot be read", Mender: signal.MenderHub}
		}
		no.Status = a.status
		return found, no.error("hub")
	}
	answer, err := signal.ParsePolled(a.body)
	if err != nil {
		return found, err
	}
	return s.takeAll(ctx, answer)
}

// takeAll deals with an answer in the order of its numbers. What fails here and
// now comes again; what is no token for us is refused.
func (s *Signals) takeAll(ctx context.Context, answer signal.Polled) (polled, error) {
	found := polled{refused: map[string]signal.Fault{}}
	for _, id := range s.ordered(answer.Sets) {
		err := s.take(ctx, answer.Sets[id])
		refused, isRefusal := errors.AsType[*signal.Error](err)
		switch {
		case isRefusal:
			found.refused[id] = signal.Fault{Code: refused.Code, Description: refused.Check + ": " + refused.Cause}
		case err != nil:
			return found, err
		default:
			found.taken++
			found.ack = append(found.ack, id)
		}
	}
	return found, nil
}

// ordered are the ids by the numbers that their tokens claim: an order to work
// in, believed for nothing else.
func (s *Signals) ordered(sets map[string]string) []string {
	ids, numbers := make([]string, 0, len(sets)), map[string]int64{}
	for id, token := range sets {
		ids = append(ids, id)
		if one, err := s.open(token); err == nil {
			numbers[id] = one.Seq
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Compare(numbers[a], numbers[b]) })
	return ids
}

func (s *Signals) open(token string) (Signal, error) {
	return signal.Open(token, signal.Expected{
		Issuer: s.config.Trust.Issuer, Audience: s.config.Keys.Agency, Keys: s.config.Trust.HubKeys, Now: s.config.Now()})
}
