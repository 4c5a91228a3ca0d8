package web

import (
	"context"
	"log/slog"
)

// Correlated adds the correlation id of the context to what engines log, which
// know of no requests.
func Correlated(h slog.Handler) slog.Handler { return correlated{h} }

type correlated struct{ slog.Handler }

func (c correlated) Handle(ctx context.Context, r slog.Record) error {
	if id := Correlation(ctx); id != "" {
		r.AddAttrs(slog.String("correlation_id", id))
	}
	return c.Handler.Handle(ctx, r)
}

func (c correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{c.Handler.WithAttrs(attrs)}
}

func (c correlated) WithGroup(name string) slog.Handler { return correlated{c.Handler.WithGroup(name)} }

// Bare is for libraries, which do not know what must not be logged: it keeps the
// message, which is theirs, and drops the values that they add, which may be a
// stranger's or a citizen's.
func Bare(h slog.Handler) slog.Handler { return bare{h} }

type bare struct{ slog.Handler }

func (b bare) Handle(ctx context.Context, r slog.Record) error {
	return b.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "library: "+r.Message, r.PC))
}

func (b bare) WithAttrs([]slog.Attr) slog.Handler { return b }

func (b bare) WithGroup(string) slog.Handler { return b }
