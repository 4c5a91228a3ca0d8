package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/conformance/wallet"
)

// asked is a request as the commands print it.
type asked struct {
	Verifier string     `json:"verifier"`
	ClientID string     `json:"client_id"`
	Needed   []question `json:"needed"`
	Optional []question `json:"optional,omitempty"`
}

type question struct {
	Query string         `json:"query"`
	Card  string         `json:"credential"`
	Share map[string]any `json:"would_share"`
}

func describe(a wallet.Asked) asked {
	d := asked{Verifier: a.Authorization.Verifier.Subject.CommonName, ClientID: a.Authorization.ClientID, Needed: []question{}}
	add := func(list []question, id string) []question {
		first := a.Ways(id)[0]
		return append(list, question{Query: id, Card: first.Credential.ID, Share: first.Values})
	}
	for _, id := range a.Needed {
		d.Needed = add(d.Needed, id)
	}
	for _, set := range a.Optional {
		for _, id := range set {
			d.Optional = add(d.Optional, id)
		}
	}
	return d
}

func (a asked) print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s) asks for\n", a.Verifier, a.ClientID)
	for _, q := range a.Needed {
		q.print(w, "")
	}
	for _, q := range a.Optional {
		q.print(w, "optional ")
	}
}

func (q question) print(w io.Writer, how string) {
	fmt.Fprintf(w, "  %s%s, from %s:\n", how, q.Query, q.Card)
	for _, name := range slices.Sorted(maps.Keys(q.Share)) {
		value, err := json.Marshal(q.Share[name])
		if err != nil {
			value = []byte("?")
		}
		fmt.Fprintf(w, "    %s %s\n", name, value)
	}
}

// reader makes a command that reads a request and then does one thing with it.
func (p *phone) reader(use, short string, then func(*cobra.Command, *wallet.Wallet, wallet.Asked, error) error) *cobra.Command {
	return &cobra.Command{
		Use: use + " LINK", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := p.open()
			if err != nil {
				return err
			}
			a, err := w.ReadRequest(cmd.Context(), args[0])
			return then(cmd, w, a, err)
		},
	}
}

func (p *phone) look() *cobra.Command {
	return p.reader("request", "Show who asks and what would be shared; send nothing",
		func(cmd *cobra.Command, _ *wallet.Wallet, a wallet.Asked, err error) error {
			if err != nil {
				return err
			}
			d := describe(a)
			return show(cmd, d, d.print)
		})
}

// sent is what happened.
type sent struct {
	asked
	Shared      bool   `json:"shared"`
	RedirectURI string `json:"redirect_uri,omitempty"`
}

func (p *phone) present() *cobra.Command {
	var optional bool
	cmd := p.reader("present", "Answer a request with what it needs",
		func(cmd *cobra.Command, w *wallet.Wallet, a wallet.Asked, err error) error {
			if err != nil {
				return err
			}
			choices := a.Least()
			if optional {
				choices = append(choices, a.Extra()...)
			}
			next, err := w.Present(cmd.Context(), a, choices)
			if err != nil {
				return err
			}
			s := sent{asked: describe(a), Shared: true, RedirectURI: next}
			return show(cmd, s, func(out io.Writer) {
				s.print(out)
				fmt.Fprintln(out, "shared")
				if next != "" {
					fmt.Fprintln(out, "go on at", next)
				}
			})
		})
	cmd.Flags().BoolVar(&optional, "optional", false, "share what is asked for but not needed, too")
	return cmd
}

func (p *phone) decline() *cobra.Command {
	return p.reader("decline", "Tell the verifier that nothing is shared",
		func(cmd *cobra.Command, w *wallet.Wallet, a wallet.Asked, err error) error {
			if err != nil && a.Authorization.ClientID == "" {
				return err // the request itself is not in order: nobody to tell
			}
			next, err := w.Decline(cmd.Context(), a)
			if err != nil {
				return err
			}
			return show(cmd, sent{RedirectURI: next}, func(out io.Writer) { fmt.Fprintln(out, "declined") })
		})
}
