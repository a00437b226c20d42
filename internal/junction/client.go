// Package junction is a client for the five calls of Junction's API that this project needs. Each method
// makes one HTTP call; its caller decides about retries. docs/architecture.md says why it is not Junction's own SDK.
package junction

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/junction-refresh/junction-refresh/internal/preconnect"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// How many bytes of an answer are read at most. Real answers have a few KiB, and a page of 500 users has a few
// hundred.
const (
	maxBody = 1 << 20
	maxPage = 8 << 20
)

// Options configure a Client. The zero value is valid.
type Options struct {
	Environment string // production, production_eu, sandbox or sandbox_eu; "" uses that of the key
	BaseURL     string // overrides the environment's URL; without a slash at the end
	UserAgent   string // sent with each call
	Calls       int    // maximum number of concurrent calls; 0 means 100

	Dial func(ctx context.Context, network, address string) (net.Conn, error) // opens a connection; nil: by TCP
}

// Client calls Junction. It is safe for concurrent use.
type Client struct {
	options Options
	// transport instead of an http.Client, which would follow redirects and send the key header along.
	transport *transport
}

// New returns a client.
func New(options Options) *Client {
	c := &Client{options: options, transport: newTransport(cmp.Or(options.Calls, 100))}
	if options.Dial != nil {
		c.transport.http.DialContext = options.Dial
	}
	return c
}

// Connect opens the connection for the first call, as far as the key tells where to. It sends no request.
func (c *Client) Connect(ctx context.Context, key sensitive.String) {
	base, err := c.base(key)
	if err != nil {
		return
	}
	preconnect.Open(ctx, base, func(ctx context.Context) {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, base, http.NoBody); err == nil {
			c.transport.connect(req)
		}
	})
}

// Check returns an error if a key cannot be used: misconfigured if it is for another environment, or if its
// environment is not known. It makes no call.
func (c *Client) Check(key sensitive.String) error {
	_, err := c.base(key)
	return err
}

// Refresh asks Junction to refresh a user, and to wait up to timeout seconds (5 to 60) for the sources. userID
// must be a UUID. Errors are *result.Failure.
func (c *Client) Refresh(ctx context.Context, key sensitive.String, userID string, timeout float64) (result.Answer, error) {
	query := url.Values{"timeout": {strconv.FormatFloat(timeout, 'f', -1, 64)}}
	target := "/v2/user/refresh/" + url.PathEscape(userID) + "?" + query.Encode()
	return call(ctx, c, key, http.MethodPost, target, maxBody, func(r response) (result.Answer, error) {
		return readRefresh(r, userID)
	})
}

// Resolve returns the ID of the user with the given client_user_id, which must not be "", "." or "..". If there
// is no such user, the error is user_not_found. Errors are *result.Failure.
func (c *Client) Resolve(ctx context.Context, key sensitive.String, clientUserID string) (string, error) {
	return call(ctx, c, key, http.MethodGet, "/v2/user/resolve/"+url.PathEscape(clientUserID), maxBody, readUser)
}

// List returns the page of the team's users that begins at offset and has up to limit (at most 500) users.
// Errors are *result.Failure.
func (c *Client) List(ctx context.Context, key sensitive.String, offset, limit int) (result.Page, error) {
	query := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
	return call(ctx, c, key, http.MethodGet, "/v2/user?"+query.Encode(), maxPage, readPage)
}

func call[T any](
	ctx context.Context, c *Client, key sensitive.String, method, target string, maxBytes int64,
	read func(response) (T, error),
) (value T, err error) {
	r, err := c.do(ctx, key, method, target, maxBytes)
	if err != nil {
		return value, err
	}
	return read(r)
}

// response is a complete answer of Junction.
type response struct {
	status int
	header http.Header
	body   []byte
	key    sensitive.String // the key that was sent; it is removed from everything that is quoted
}

// do makes a call. An answer of more than maxBytes is an error.
func (c *Client) do(ctx context.Context, key sensitive.String, method, target string, maxBytes int64) (response, error) {
	base, err := c.base(key)
	if err != nil {
		return response{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, base+target, http.NoBody)
	if err != nil {
		return response{}, result.Fail(result.Misconfigured, "JUNCTION_BASE_URL is not a valid URL")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.options.UserAgent)
	req.Header.Set("X-Vital-Api-Key", key.Reveal())
	resp, failed := c.transport.send(req)
	if failed != nil {
		return response{}, transportFailure(ctx, failed)
	}
	defer func() { _ = resp.Body.Close() }()
	r := response{status: resp.StatusCode, header: resp.Header, key: key}
	switch s := r.status; {
	case s < 100 || s > 999: // net/http accepts any three digits, and over HTTP/2 any number
		return response{}, malformed(response{}, "it has no valid HTTP status", nil)
	case s < http.StatusOK:
		return r, nil // the body of a 101 is the bare connection, and reading it does not end with the context
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusTooManyRequests, s >= http.StatusInternalServerError:
		return r, nil // the status is enough, and the body might be slow
	}
	r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return response{}, timedOut()
	case err != nil:
		return response{}, malformed(r, "it is incomplete", classify(err, true))
	case int64(len(r.body)) > maxBytes:
		return response{}, malformed(r, "it is larger than "+strconv.FormatInt(maxBytes>>20, 10)+" MiB", nil)
	}
	return r, nil
}
