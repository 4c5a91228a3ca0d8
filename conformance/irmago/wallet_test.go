package irmago

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/govmydata/mydata/conformance/citizen"
	"github.com/govmydata/mydata/conformance/stage"
)

func TestMain(m *testing.M) {
	code := m.Run()
	stage.RemovePrograms()
	os.Exit(code)
}

const callback = "https://wallet.example/callback"

func TestAStrangersWallet(t *testing.T) {
	s := stage.Run(t, stage.Options{})
	ctx := t.Context()
	letter, err := s.Letter(ctx, "resident-02", false)
	must(t, err)
	c := citizen.New(s.URL(stage.IDP), "resident-02")
	must(t, c.Enrol(ctx, letter.URL))
	p := newPhone(t, s.Path("trust"))

	t.Run("takes a card by pre-authorized code, after one wrong transaction code", func(t *testing.T) {
		link, code, err := c.Offer(ctx)
		must(t, err)
		cards, err := p.take(t, link, callback, &taking{txCodes: []string{"000000", strings.ReplaceAll(code, " ", "")}})
		must(t, err)
		if len(cards) != 1 || !strings.Contains(said(cards[0]), "name") {
			t.Errorf("it took %d cards: %+v", len(cards), cards)
		}
	})
	t.Run("shows it to the verifier", func(t *testing.T) {
		page, err := c.BeginProof(ctx, s.URL(stage.Verifier))
		must(t, err)
		must(t, p.show(t, citizen.ProofLink(page)))
	})
	t.Run("learns that it was revoked, and the verifier refuses it", func(t *testing.T) {
		cards, err := c.Credentials(ctx)
		must(t, err)
		for _, card := range cards {
			must(t, c.Revoke(ctx, card.ID))
		}
		eventually(t, func() bool {
			_, err := p.statuses.RefreshStatuses(ctx)
			cards, listed := p.cards.GetCredentialMetadataList()
			return err == nil && listed == nil && len(cards) == 1 && cards[0].Revoked
		})
	})
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came true")
		case <-time.After(200 * time.Millisecond):
		}
	}
}
