package sdk

import (
	"context"
	"crypto/x509"
	"log/slog"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/catalogue"
)

// certificateWatch warns an agency through its Logger 60, 30 and 7 days before
// the end of the certificate it signs with, at the start and while it works: once
// for each of these days, every day from the last on.
type certificateWatch struct {
	agency string
	leaf   *x509.Certificate
	logger *slog.Logger
	now    func() time.Time

	mu    sync.Mutex
	said  int // the warning said last; -1: none
	again time.Time
}

// watchCertificate looks at once.
func watchCertificate(k Keys, logger *slog.Logger, now func() time.Time) *certificateWatch {
	w := &certificateWatch{agency: k.Agency, logger: logger, now: now, said: -1}
	if len(k.Chain) > 0 {
		w.leaf, _ = x509.ParseCertificate(k.Chain[0]) // Keys.complete has parsed it
	}
	w.look(context.Background())
	return w
}

// look is called by whatever an agency does; it costs nothing most of the time.
func (w *certificateWatch) look(ctx context.Context) {
	if w == nil || w.leaf == nil {
		return
	}
	now := w.now()
	days, due := catalogue.Warning(w.leaf.NotAfter, now)
	if !due {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if days == w.said && (days > catalogue.WarningDays[len(catalogue.WarningDays)-1] || now.Before(w.again)) {
		return
	}
	w.said, w.again = days, now.Add(24*time.Hour)
	until := w.leaf.NotAfter.UTC().Format(time.RFC3339)
	if days == 0 {
		w.logger.ErrorContext(ctx, "the agency's certificate has ended: nothing that it signs is taken", "agency", w.agency, "until", until)
		return
	}
	w.logger.WarnContext(ctx, "the agency's certificate ends soon: list the next in the catalogue and change over", "agency", w.agency, "until", until, "days", days)
}
