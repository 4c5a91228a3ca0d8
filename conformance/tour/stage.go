package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/govmydata/mydata/conformance/stage"
)

// behind is how far above its own port others reach a service: there a proxy
// listens, which records.
const behind = 20

// A show is a story of our own, recorded.
type show struct {
	*stage.Stage
	tape    *tape
	secrets map[string]string // of clients that were registered here, by their ids
}

// openShow starts the story on free ports, with proxies before each service,
// and waits for its guide.
func openShow(ctx context.Context) (*show, error) {
	s, err := stage.New(ctx, stage.Options{Behind: behind, Flags: map[string][]string{stage.IDP: {"--defer", aged}}})
	if err != nil {
		return nil, err
	}
	tape, err := newTape(s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &show{s, tape, map[string]string{}}, s.StartStory(ctx)
}

func (s *show) close() error {
	s.tape.close()
	return s.Close()
}

// idp runs a command of the idp as an operator or a citizen would.
func (s *show) idp(args ...string) (string, error) {
	out, err := s.Command(context.Background(), "idp", args...)
	return string(out), err
}

// ask runs a command with --json and reads its answer.
func (s *show) ask(into any, program string, args ...string) error {
	out, err := s.Command(context.Background(), program, append(args, "--json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}
