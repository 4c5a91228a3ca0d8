package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	lite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// ErrUnavailable says that the database cannot do its work now: not the
// request's fault, and worth another try. Whether a write happened is unknown,
// as after every error that is no engine's sentinel. Who may not import this
// package asks for the method Unavailable() bool.
var ErrUnavailable = errors.New("the database is not available")

// The reasons, as they end the sentence "the database …". They may be shown to
// anybody.
const (
	isFull       = "is full"
	isReadOnly   = "is read-only"
	isBusy       = "is busy"
	isSlow       = "is slow"
	isSilent     = "does not answer"
	isOverloaded = "is overloaded"
	isGone       = "is gone"
	isDamaged    = "is damaged"
	isRefusing   = "refuses the service"
	isFaulty     = "has a fault of its machine"
)

// outage is an error of the database itself.
type outage struct {
	reason string
	err    error
}

func (o *outage) Error() string        { return "the database " + o.reason + ": " + o.err.Error() }
func (o *outage) Unwrap() error        { return o.err }
func (o *outage) Is(target error) bool { return target == ErrUnavailable }
func (o *outage) Unavailable() bool    { return true }

// Reason may be shown: it names no table, host or value.
func (o *outage) Reason() string { return "the database " + o.reason }

// marked makes an outage of an error that is one; every other stays as it is.
func marked(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	if reason := reasonOf(err); reason != "" {
		return &outage{reason, err}
	}
	return err
}

// reasonOf is why the database could not answer, or "": then it did. That the
// one who asked has gone (context.Canceled) says nothing of the database.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return isSlow
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return postgresReason(pg.Code)
	}
	if l, ok := errors.AsType[*lite.Error](err); ok {
		return sqliteReasons[l.Code()&0xff]
	}
	for _, broken := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, broken) {
			return isSilent
		}
	}
	_, network := errors.AsType[net.Error](err)
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	if !errors.Is(err, context.Canceled) && (network || connect || pgconn.SafeToRetry(err)) {
		return isSilent
	}
	return ""
}

var sqliteReasons = map[int]string{
	lib.SQLITE_BUSY: isBusy, lib.SQLITE_LOCKED: isBusy, lib.SQLITE_PROTOCOL: isBusy, lib.SQLITE_INTERRUPT: isSlow,
	lib.SQLITE_READONLY: isReadOnly, lib.SQLITE_FULL: isFull, lib.SQLITE_CANTOPEN: isGone,
	lib.SQLITE_CORRUPT: isDamaged, lib.SQLITE_NOTADB: isDamaged, lib.SQLITE_IOERR: isFaulty, lib.SQLITE_NOMEM: isOverloaded,
	lib.SQLITE_PERM: isRefusing, lib.SQLITE_AUTH: isRefusing,
}

// postgresReasons by SQLSTATE (PostgreSQL, Appendix A) or its class.
var postgresReasons = []struct{ prefix, reason string }{
	{"25006", isReadOnly},                // read_only_sql_transaction
	{"40001", isBusy}, {"40P01", isBusy}, // serialization, deadlock: every retry was used up
	{"55P03", isBusy},                    // lock_not_available
	{"57014", isSlow}, {"25P03", isSlow}, // cancelled by a time limit of the server
	{"53100", isFull}, {"53", isOverloaded}, // disk_full; insufficient resources
	{"57P", isSilent}, {"08", isSilent}, // shutting down, starting up; connection
	{"58", isFaulty}, {"F0", isFaulty}, // system error, configuration file
	{"XX", isDamaged}, // internal error, data or index corrupted
	{"28", isRefusing}, {"42501", isRefusing},
	{"3D000", isGone}, {"42P01", isGone}, // no such database; its tables are gone
}

func postgresReason(code string) string {
	for _, r := range postgresReasons {
		if strings.HasPrefix(code, r.prefix) {
			return r.reason
		}
	}
	return ""
}
