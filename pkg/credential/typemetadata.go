package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/govmydata/mydata/pkg/fetch"
)

const (
	maxExtends   = 4 // types of one chain
	maxTypeLife  = 24 * time.Hour
	staticForAll = 100 * 365 * 24 * time.Hour
)

// What Describe answers. Every error is ErrTypeMetadata; ErrTypeCircular too where a
// type extends itself: then the draft has the credential refused (SD-JWT VC,
// Circular "extends" Dependencies of Types).
var (
	ErrTypeMetadata = errors.New("type metadata")
	ErrTypeCircular = errors.New("the type extends itself, or too many others")
)

// TypeMetadata fetches what is published of credential types (SD-JWT VC draft, Type
// Metadata), and keeps it: for good where its digest is known, else as long as it
// was said it may be kept. The zero value works; it may be used concurrently. It
// asks wherever a type points: give it types of credentials that were found good.
type TypeMetadata struct {
	// Development also allows plain http and loop-back addresses, on loop-back alone.
	Development bool
	Now         func() time.Time

	once  sync.Once
	fetch *fetch.Client
	kept  fetch.Kept[typeDocument] // by type and integrity
}

// Describe is what is published of a type, with the types that it extends. The
// integrity is that of vct#integrity; "": none.
func (m *TypeMetadata) Describe(ctx context.Context, vct, integrity string) (Type, error) {
	t := Type{VCT: vct}
	seen := map[string]bool{}
	for vct != "" {
		if seen[vct] || len(seen) == maxExtends {
			return Type{}, fmt.Errorf("%w: %w", ErrTypeMetadata, ErrTypeCircular)
		}
		seen[vct] = true
		document, err := m.document(ctx, vct, integrity)
		if err != nil {
			return Type{}, fmt.Errorf("%w: %w", ErrTypeMetadata, err)
		}
		t.extend(document)
		vct, integrity = document.Extends, document.ExtendsIntegrity
	}
	return t, nil
}

func (m *TypeMetadata) document(ctx context.Context, vct, integrity string) (typeDocument, error) {
	if _, err := fetch.Check(vct, m.Development); err != nil {
		return typeDocument{}, errors.New("the type is not an https URL")
	}
	m.once.Do(func() { m.fetch, m.kept.Now = &fetch.Client{Loopback: m.Development}, m.Now })
	name := vct + "\x00" + integrity // no address has a control character in it
	return m.kept.Get(ctx, name, func(ctx context.Context, name string) (typeDocument, time.Duration, error) {
		vct, integrity, _ := strings.Cut(name, "\x00")
		body, life, err := m.get(ctx, vct)
		if err != nil {
			return typeDocument{}, 0, err
		}
		if integrity != "" {
			if err := checkIntegrity(body, integrity); err != nil {
				return typeDocument{}, 0, err
			}
			life = staticForAll
		}
		document, err := parseType(body, vct)
		return document, life, err
	})
}

// get follows no redirect: a type is described at its own address.
func (m *TypeMetadata) get(ctx context.Context, address string) ([]byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := m.fetch.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMetadata+1))
	return body, keepFor(response.Header.Get("Cache-Control")), err
}

// keepFor is how long an answer may be kept by its Cache-Control (RFC 9111, 5.2.2):
// not at all where that is not said.
func keepFor(control string) time.Duration {
	var life time.Duration
	for directive := range strings.SplitSeq(strings.ToLower(control), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 0
			}
			life = min(time.Duration(seconds)*time.Second, maxTypeLife)
		}
	}
	return life
}
