package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/death"
	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/consent/approval"
	"github.com/govmydata/mydata/pkg/credential"
)

// deaths is the office that closes the accounts of the dead.
func (e *engines) deaths() *death.Office {
	return &death.Office{
		Store: e.db.Deaths(), Ledger: e.ledger, Officers: e.officers, Now: time.Now,
		End: func(ctx context.Context, citizen string) (int, error) {
			if err := e.lost(ctx, citizen); err != nil { // first of all, so that nothing new comes
				return 0, err
			}
			ended := 0
			err := e.issuer.RevokeEach(ctx, citizen, credential.ReasonDeath, func(credential.Issued) bool { ended++; return true })
			return ended, err
		},
	}
}

// updateRegister reads the register anew and revokes what says something else.
func (e *engines) updateRegister(ctx context.Context) (admin.RegisterUpdate, error) {
	read, err := openRegister(e.config.Register)
	if err != nil {
		return admin.RegisterUpdate{}, admin.ErrRegister(err)
	}
	before := e.register.Replace(read)
	out := admin.RegisterUpdate{Residents: len(read.IDs())}
	changed := map[string]bool{}
	for _, id := range read.IDs() {
		now, err := read.Resident(ctx, id)
		if err != nil {
			return out, err
		}
		if was, err := before.Resident(ctx, id); err == nil && was != now {
			changed[id] = true
		}
	}
	out.Changed = len(changed)
	out.Revoked, err = e.issuer.Supersede(ctx, e.basis, func(ctx context.Context, citizen string) (bool, error) {
		c, err := e.accounts.Citizen(ctx, citizen)
		return changed[c.Resident], err
	})
	return out, err
}

// goOn with what broke off when the service ended: register updates and deaths.
func (e *engines) goOn(ctx context.Context) {
	_, err := e.issuer.Supersede(ctx, e.basis, nil)
	if err = errors.Join(err, e.deaths().Go(ctx)); err != nil && ctx.Err() == nil {
		e.log.WarnContext(ctx, "going on", "err", err)
	}
}

// basis is empty for whom the register does not know any more: that he moved or
// died is for officers to say.
func (e *engines) basis(ctx context.Context, citizen string) (string, error) {
	basis, err := e.accounts.Basis(ctx, citizen)
	if errors.Is(err, account.ErrNotFound) {
		return "", nil
	}
	return basis, err
}

func newResidentCommand() *cobra.Command {
	group := &cobra.Command{Use: "resident", Short: "What happens to a resident"}
	died := &cobra.Command{
		Use:   "died",
		Short: "Close the account of a person who died, by two officers' order",
		Long: "One officer proposes, another reads the file and approves, and the running service\n" +
			"carries it out: login closes for good, sessions, tokens and offers end, credentials\n" +
			"are revoked, and grants are invalidated. Nothing is erased: see idp erase. What\n" +
			"breaks off goes on by itself.",
	}
	died.AddCommand(newMeasureProposeCommand(approval.Death, "Write an order that reports a death, signed by one officer"), newDiedApproveCommand())
	group.AddCommand(died)
	return group
}

func newDiedApproveCommand() *cobra.Command {
	return newMeasureApproveCommand(approval.Death, func(cmd *cobra.Command, client *admin.Client, order approval.Case) error {
		ended, err := client.Death(cmd.Context(), order)
		if err != nil {
			return err
		}
		return show(cmd, ended, func(w io.Writer) {
			if ended.Before {
				fmt.Fprintln(w, "this account was closed before")
			}
			fmt.Fprintf(w, "closed: %d grants and %d credentials ended\n", ended.Grants, ended.Credentials)
		})
	})
}

func newRegisterCommand() *cobra.Command {
	group := &cobra.Command{Use: "register", Short: "The residents' register"}
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Have the service read its register anew",
		Long: "Put the new file where the service reads its register (--register of idp serve),\n" +
			"then give this command. A file that cannot be read whole is refused, and the one\n" +
			"before is used on. Credentials that say what the register does not any more are\n" +
			"revoked; their holders are offered new ones on their pages. Pseudonyms, consents\n" +
			"and histories stay. After a crash the service goes on with it when it starts.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		out, err := client.UpdateRegister(cmd.Context())
		if err != nil {
			return err
		}
		return show(cmd, out, func(w io.Writer) {
			fmt.Fprintf(w, "%d residents, %d changed; %d credentials revoked\n", out.Residents, out.Changed, out.Revoked)
		})
	}
	group.AddCommand(cmd)
	return group
}
