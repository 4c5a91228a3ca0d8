package admin_test

import (
	"strings"
	"testing"

	"github.com/govmydata/mydata/internal/idp/admin"
	"github.com/govmydata/mydata/pkg/credential"
)

func TestStatusCommands(t *testing.T) {
	d := open(t, true)
	ctx := t.Context()
	ask := func(id, reason string) admin.StatusRequest {
		return admin.StatusRequest{Credential: id, Reason: reason}
	}
	for _, step := range []struct {
		name string
		do   func() error
		code string
		last string
	}{
		{"it suspends", func() error { return d.Suspend(ctx, ask("c1", credential.ReasonInquiry)) }, "", "ended suspend 7 credential c1 done\n"},
		{"it wants a reason of the list", func() error { return d.Suspend(ctx, ask("c1", "because")) }, "reason", "ended suspend 7 credential c1 reason\n"},
		{"it wants a reason", func() error { return d.Suspend(ctx, ask("c1", "")) }, "reason", "ended suspend 7 credential c1 reason\n"},
		{"it says when a list cannot say it", func() error { return d.Suspend(ctx, ask("one-bit", credential.ReasonInquiry)) }, "bits", "ended suspend 7 credential one-bit bits\n"},
		{"it reinstates", func() error { return d.Reinstate(ctx, "c1") }, "", "ended reinstate 7 credential c1 done\n"},
		{"it reinstates what is there", func() error { return d.Reinstate(ctx, "c9") }, "credential", "ended reinstate 7 credential c9 credential\n"},
		{"it revokes for a reason of the list", func() error { return d.Client.Revoke(ctx, ask("c1", "because")) }, "reason", "ended revoke 7 credential c1 reason\n"},
		{"it revokes for a reason", func() error { return d.Client.Revoke(ctx, ask("c1", credential.ReasonMisuse)) }, "", "ended revoke 7 credential c1 done\n"},
		{"it suspends nothing that is revoked", func() error { return d.Suspend(ctx, ask("c1", credential.ReasonInquiry)) }, "revoked", "ended suspend 7 credential c1 revoked\n"},
	} {
		err := step.do()
		if step.code == "" && err != nil || step.code != "" && code(t, err) != step.code {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := d.trail.last(); got != step.last {
			t.Errorf("%s: the trail says %q", step.name, got)
		}
	}
	if err := d.Client.Revoke(ctx, ask("c1", "because")); !strings.Contains(err.Error(), strings.Join(credential.Reasons(), ", ")) {
		t.Errorf("it does not say which reasons there are: %v", err)
	}
	if d.counter.reason != credential.ReasonMisuse {
		t.Errorf("revoked for %q", d.counter.reason)
	}
}
