// Package junction is a client of the three calls of Junction's API that refreshes need. Each method
// makes one HTTP call: when to make another is for its caller to decide.
//
// It is not Junction's official SDK because that follows redirects with the key, reads error bodies
// without a cap, has no default timeout and sleeps between its own retries past a context's end.
package junction

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// The most of an answer that is read, in bytes. A real one has a few KiB; a page of 500 users some
// hundred.
const (
	maxBody = 1 << 20
	maxPage = 8 << 20
)

// Options are what a Client is made of.
type Options struct {
	Environment string // production, production_eu, sandbox, sandbox_eu; "" is the key's own
	BaseURL     string // overrides the environment's URL; no slash at its end
	UserAgent   string // sent with each call
	Calls       int    // how many are made at once, at the most; 100
}

// Client calls Junction. It is safe for concurrent use.
type Client struct {
	options Options
	http    *http.Client
}

// New returns a client.
func New(options Options) *Client {
	if options.Calls == 0 {
		options.Calls = 100
	}
	return &Client{options: options, http: &http.Client{
		Transport: NewTransport(options.Calls),
		// Go sends a custom key header along to whatever host a redirect names, so none is followed.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Check says, before any call, whether a key can be used: misconfigured where it is for another
// environment, or for none that is known.
func (c *Client) Check(key sensitive.String) error {
	_, err := c.base(key)
	return err
}

// Refresh asks Junction to refresh a user, and to wait timeout seconds (5 to 60) for the sources. It
// returns when Junction answers or ctx ends. userID must be a UUID. Errors are *result.Failure.
func (c *Client) Refresh(ctx context.Context, key sensitive.String, userID string, timeout float64) (result.Answer, error) {
	query := url.Values{"timeout": {strconv.FormatFloat(timeout, 'f', -1, 64)}}
	got, err := c.do(ctx, key, http.MethodPost, "/v2/user/refresh/"+url.PathEscape(userID)+"?"+query.Encode(), maxBody)
	if err != nil {
		return result.Answer{}, err
	}
	return readRefresh(got, userID)
}

// Resolve returns the ID of the Junction user with an app's own ID, which must not be "", "." or
// "..". A user that there is not is user_not_found. Errors are *result.Failure.
func (c *Client) Resolve(ctx context.Context, key sensitive.String, clientUserID string) (string, error) {
	got, err := c.do(ctx, key, http.MethodGet, "/v2/user/resolve/"+url.PathEscape(clientUserID), maxBody)
	if err != nil {
		return "", err
	}
	return readUser(got)
}

// List returns a page of the team's users, limit (500 at most) from offset on. Of each user only the ID
// is kept. Errors are *result.Failure.
func (c *Client) List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error) {
	query := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
	got, err := c.do(ctx, key, http.MethodGet, "/v2/user?"+query.Encode(), maxPage)
	if err != nil {
		return result.Page{}, err
	}
	return readPage(got)
}

// response is an answer of Junction, whole and in bounds.
type response struct {
	status int
	header http.Header
	body   []byte
	key    sensitive.String // the key that was sent, to be taken out of anything that is quoted
}

// do makes a call. most is what an answer may have, in bytes.
func (c *Client) do(ctx context.Context, key sensitive.String, method, target string, most int64) (response, error) {
	base, err := c.base(key)
	if err != nil {
		return response{}, err
	}
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, method, base+target, http.NoBody)
	if err != nil {
		return response{}, result.Fail(result.Misconfigured, "JUNCTION_BASE_URL makes no valid request")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.options.UserAgent)
	req.Header.Set("X-Vital-Api-Key", key.Reveal())
	resp, err := c.http.Do(req)
	if err != nil {
		return response{}, transportFailure(ctx, err, connected.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	got := response{status: resp.StatusCode, header: resp.Header, key: key}
	switch got.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return got, nil // the status says it all, and the body may take its time
	}
	if got.status >= http.StatusInternalServerError {
		return got, nil
	}
	got.body, err = io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return response{}, transportFailure(ctx, err, true)
	case err != nil:
		return response{}, malformed(got, "it broke off", cause(err))
	case int64(len(got.body)) > most:
		return response{}, malformed(got, "it is over "+strconv.FormatInt(most>>20, 10)+" MiB", nil)
	}
	return got, nil
}
