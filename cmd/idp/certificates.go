package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/govmydata/mydata/internal/metrics"
	"github.com/govmydata/mydata/pkg/catalogue"
)

// termCache spares reading all certificates at each scrape and readiness check.
type termCache struct {
	mu    sync.Mutex
	of    *catalogue.Catalogue
	until time.Time
	terms []catalogue.Term
}

// terms are how long each agency of the catalogue in force can sign.
func (e *engines) terms(now time.Time) []catalogue.Term {
	c := e.registry.Catalogue()
	if c == nil {
		return nil
	}
	e.certificates.mu.Lock()
	defer e.certificates.mu.Unlock()
	if e.certificates.of == c && now.Before(e.certificates.until) {
		return e.certificates.terms
	}
	all, err := c.Terms(now)
	if err != nil { // Open has read these entries
		e.log.Warn("certificates", "err", err)
	}
	e.certificates.of, e.certificates.until, e.certificates.terms = c, now.Add(time.Minute), all
	return all
}

// watchCertificates says in the log, once a day, whose certificate ends within
// 60, 30 or 7 days or has ended, an agency's or the hub's; metrics say it at each scrape.
func (e *engines) watchCertificates(ctx context.Context) {
	e.eyes.Metrics.Certificates(func() []metrics.Certificate {
		var all []metrics.Certificate
		now := time.Now()
		for _, t := range e.terms(now) {
			all = append(all, metrics.Certificate{Agency: t.Agency, Days: t.Days(now)})
		}
		return all
	}, func() map[string]int {
		now, days := time.Now(), map[string]int{}
		for use, until := range e.ring.Ends(now) {
			days[use] = catalogue.Term{Until: until}.Days(now)
		}
		return days
	})
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	for {
		now := time.Now()
		for _, t := range e.terms(now) {
			if days, due := catalogue.Warning(t.Until, now); due {
				e.log.WarnContext(ctx, "an agency's certificate ends", "agency", t.Agency, "until", t.Until.Format(time.RFC3339), "within_days", days)
			}
		}
		for use, until := range e.ring.Ends(now) {
			if days, due := catalogue.Warning(until, now); due {
				e.log.WarnContext(ctx, "the hub's own certificate ends", "use", use, "until", until.Format(time.RFC3339), "within_days", days)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// lastWarning is the time at which readiness says it too.
func lastWarning(until, now time.Time) bool {
	days, due := catalogue.Warning(until, now)
	return due && days <= catalogue.WarningDays[len(catalogue.WarningDays)-1]
}

// lateCertificates is readiness's note of who cannot sign any more, or in a week.
func (e *engines) lateCertificates() string {
	now, n := time.Now(), 0
	for _, t := range e.terms(now) {
		if lastWarning(t.Until, now) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("certificates of %d agencies end within a week, or have: idp catalogue certificates", n)
}

// lateOwnCertificates is readiness's note of what the hub itself cannot sign any more,
// or in a week.
func (e *engines) lateOwnCertificates() string {
	var late []string
	now := time.Now()
	for use, until := range e.ring.Ends(now) {
		if lastWarning(until, now) {
			late = append(late, use+" at "+until.UTC().Format(time.RFC3339))
		}
	}
	if len(late) == 0 {
		return ""
	}
	slices.Sort(late)
	return "certificates of the hub end: " + strings.Join(late, ", ") + ": idp keygen --rotate-issuer, --rotate-status"
}

// expiring is the command's error, with an exit code for scripts.
type expiring struct {
	agency string
	days   int
}

func (e expiring) Error() string {
	if e.days == 0 {
		return "the certificate of " + e.agency + " has ended"
	}
	return fmt.Sprintf("the certificate of %s ends within %d days", e.agency, e.days)
}

// ExitCode is 3 within 60 days, 4 within 30, 5 within 7, 6 from the end on.
func (e expiring) ExitCode() int {
	switch e.days {
	case 60:
		return 3
	case 30:
		return 4
	case 7:
		return 5
	}
	return 6
}

func newCertificatesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "certificates",
		Short: "List until when each agency can sign; the exit code warns",
		Long: "The exit code is 0 when every agency can sign for more than 60 days, 3 when one\n" +
			"ends within 60 days, 4 within 30, 5 within 7, 6 when one has ended. An agency that\n" +
			"lists its next certificate in its entry counts until the end of that.",
		Args: cobra.NoArgs,
	}
	call := caller(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		client, err := call()
		if err != nil {
			return err
		}
		c, err := inForce(cmd, client)
		if err != nil {
			return err
		}
		now := time.Now()
		terms := []catalogue.Term{}
		if c != nil {
			if terms, err = c.Terms(now); err != nil {
				return err
			}
		}
		err = show(cmd, map[string][]catalogue.Term{"terms": terms}, func(w io.Writer) {
			for _, t := range terms {
				fmt.Fprintf(w, "%s  until %s  (%d days, %d certificates)\n", t.Agency, t.Until.Format(time.RFC3339), t.Days(now), len(t.Certificates))
			}
		})
		if err != nil || len(terms) == 0 {
			return err
		}
		if days, due := catalogue.Warning(terms[0].Until, now); due { // the first is the one that ends first
			return expiring{terms[0].Agency, days}
		}
		return nil
	}
	return cmd
}
