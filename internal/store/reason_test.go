package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/internal/store"
)

func TestReasonOf(t *testing.T) {
	for code, want := range map[string]string{
		"53100": "is full", "53300": "is overloaded", "57P01": "does not answer", "57P03": "does not answer",
		"08006": "does not answer", "25006": "is read-only", "57014": "is slow", "XX001": "is damaged",
		"58030": "has a fault of its machine", "28P01": "refuses the service", "42P01": "is gone", "40001": "is busy",
		"23505": "", "22021": "", "42601": "", "23503": "",
	} {
		if got := store.ReasonOf(fmt.Errorf("commit: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "is slow"}, {io.ErrUnexpectedEOF, "does not answer"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "does not answer"},
		{context.Canceled, ""}, {sql.ErrNoRows, ""}, {account.ErrNotFound, ""},
	} {
		if got := store.ReasonOf(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
