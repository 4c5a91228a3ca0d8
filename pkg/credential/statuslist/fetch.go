package statuslist

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/govmydata/mydata/pkg/fetch"
)

const maxRedirects = 3

// eitherForm is a list as a JWT or, less gladly, as a CWT.
func eitherForm() fetch.Want {
	return fetch.Want{
		Accept: MediaType + ", " + MediaTypeCWT + ";q=0.9", Types: []string{MediaType, MediaTypeCWT}, Limit: MaxToken, Redirects: maxRedirects,
	}
}

// noHistory: 501 says that the query is not understood, 404 that the time is not
// kept (draft, 8.4); until draft 15 that was 406.
func noHistory(err error) bool {
	refusal, ok := errors.AsType[*fetch.StatusError](err)
	return ok && (refusal.Code == http.StatusNotImplemented || refusal.Code == http.StatusNotFound || refusal.Code == http.StatusNotAcceptable)
}

// get fetches what is at an address. The server may compress it; what comes out of
// that is bounded too.
func (c *Client) get(ctx context.Context, uri string, want fetch.Want) (fetch.Answer, error) {
	c.once.Do(func() { c.fetch = &fetch.Client{Loopback: c.Development} })
	answer, err := c.fetch.Get(ctx, uri, want)
	switch {
	case errors.Is(err, fetch.ErrTooLong):
		return fetch.Answer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	case err != nil:
		return fetch.Answer{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return answer, nil
}

// CheckURI tells whether a list may be fetched from there: https, or, in
// development, http on loop-back.
func CheckURI(raw string, development bool) error {
	if _, err := fetch.Check(raw, development); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}
