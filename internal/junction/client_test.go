package junction_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

const (
	user = "1449752e-0d8a-40e0-9206-91ab099b2537"
	key  = "sk_us_a_key_for_tests"
)

// serve starts a stand-in for Junction, and returns a client for it.
func serve(t *testing.T, h http.HandlerFunc) *junction.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return junction.New(junction.Options{BaseURL: server.URL, UserAgent: "junction-refresh/test"})
}

// answer returns a handler that answers every request the same. headers are names and values in turn.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func refresh(t *testing.T, c *junction.Client) (result.Answer, *result.Failure) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got, err := c.Refresh(ctx, sensitive.New(key), user, 30)
	if err == nil {
		return got, nil
	}
	return got, result.AsFailure(err)
}

func TestDialOpensTheConnections(t *testing.T) {
	server := httptest.NewServer(answer(http.StatusOK, `{"success": true, "user_id": "`+user+`"}`))
	t.Cleanup(server.Close)
	var dialed string
	c := junction.New(junction.Options{BaseURL: "http://junction.invalid", Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = address
		return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
	}})
	if _, f := refresh(t, c); f != nil || dialed != "junction.invalid:80" {
		t.Errorf("%v, dialed %q", f, dialed)
	}
}

func TestTheRequestIsExactlyTheDocumentedOne(t *testing.T) {
	var sent *http.Request
	var target string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent, target = r, r.RequestURI
		answer(200, `{"success":true,"user_id":"`+user+`"}`)(w, r)
	})
	for timeout, text := range map[float64]string{30: "30", 7.25: "7.25", 60: "60"} {
		t.Run("timeout "+text, func(t *testing.T) {
			if _, err := c.Refresh(t.Context(), sensitive.New(key), user, timeout); err != nil {
				t.Fatal(err)
			}
			if want := "/v2/user/refresh/" + user + "?timeout=" + text; target != want || sent.Method != "POST" || sent.ContentLength != 0 {
				t.Errorf("%s %s (%d bytes), want POST %s", sent.Method, target, sent.ContentLength, want)
			}
			want := http.Header{
				"Accept": {"application/json"}, "X-Vital-Api-Key": {key}, "User-Agent": {"junction-refresh/test"}, "Content-Length": {"0"},
			}
			if diff := cmp.Diff(want, sent.Header); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnswerIsDecoded(t *testing.T) {
	body := `{"success":true,"user_id":"` + strings.ToUpper(user) + `","refreshed_sources":["withings/body"],"in_progress_sources":["garmin"],
		"failed_sources":["oura/sleep"],"new_field":{}}`
	for _, status := range []int{200, 202} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			got, f := refresh(t, serve(t, answer(status, body)))
			if f != nil {
				t.Fatal(f)
			}
			want := result.Answer{Status: status, Refreshed: []string{"withings/body"}, InProgress: []string{"garmin"}, Failed: []string{"oura/sleep"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNullAndMissingListsCountAsEmpty(t *testing.T) {
	for name, lists := range map[string]string{
		"missing": ``, "null": `,"refreshed_sources":null,"in_progress_sources":null,"failed_sources":null`,
	} {
		t.Run(name, func(t *testing.T) {
			got, f := refresh(t, serve(t, answer(200, `{"success":true,"user_id":"`+user+`"`+lists+`}`)))
			if f != nil || len(got.Refreshed)+len(got.InProgress)+len(got.Failed) != 0 {
				t.Errorf("answer %+v, failure %v", got, f)
			}
		})
	}
}

func TestEachAnswerThatIsNotASuccessHasItsCode(t *testing.T) {
	about := `"user_id":"` + user + `"`
	ok := `{"success":true,` + about + `,"refreshed_sources":[],"in_progress_sources":[],"failed_sources":[]}`
	for name, c := range map[string]struct {
		status int
		body   string
		code   result.Code
	}{
		"a 400 for a user without sources":   {400, `{"success":false,` + about + `,"error":"User has no connected sources"}`, result.NoConnectedSources},
		"any other 400":                      {400, `{"success":false,` + about + `,"error":"no"}`, result.UpstreamRejected},
		"a 400 that is HTML":                 {400, `<html>`, result.UpstreamInvalidResponse},
		"a 400 with success true":            {400, `{"success":true,` + about + `,"error":"x"}`, result.UpstreamInvalidResponse},
		"a 400 without an error":             {400, `{"success":false,` + about + `}`, result.UpstreamInvalidResponse},
		"a 400 for another user":             {400, `{"success":false,"user_id":"x","error":"x"}`, result.UpstreamInvalidResponse},
		"a 401":                              {401, `{"detail":"x"}`, result.UpstreamUnauthorized},
		"a 403":                              {403, ``, result.UpstreamUnauthorized},
		"a 404":                              {404, `{"detail":"x"}`, result.UserNotFound},
		"a 402":                              {402, ``, result.UpstreamRejected},
		"a 409":                              {409, `x`, result.UpstreamRejected},
		"a 422":                              {422, `{"detail":[]}`, result.UpstreamInvalidRequest},
		"a 429":                              {429, ``, result.RateLimited},
		"a 500":                              {500, `<html>`, result.UpstreamUnavailable},
		"a 502":                              {502, ``, result.UpstreamUnavailable},
		"a 503":                              {503, ``, result.UpstreamUnavailable},
		"a 504":                              {504, ``, result.UpstreamUnavailable},
		"a 200 that is HTML":                 {200, `<html></html>`, result.UpstreamInvalidResponse},
		"a 200 that is empty":                {200, ``, result.UpstreamInvalidResponse},
		"a 200 that is null":                 {200, `null`, result.UpstreamInvalidResponse},
		"a 200 that is a list":               {200, `[]`, result.UpstreamInvalidResponse},
		"a 200 that is cut off":              {200, ok[:len(ok)-5], result.UpstreamInvalidResponse},
		"a 200 with trailing text":           {200, ok + `x`, result.UpstreamInvalidResponse},
		"a 200 with success false":           {200, `{"success":false,` + about + `}`, result.UpstreamInvalidResponse},
		"a 200 without success":              {200, `{` + about + `}`, result.UpstreamInvalidResponse},
		"a 200 for another user":             {200, strings.Replace(ok, "1449", "1450", 1), result.UpstreamInvalidResponse},
		"a 200 without a user":               {200, `{"success":true}`, result.UpstreamInvalidResponse},
		"a 200 with a list of numbers":       {200, `{"success":true,` + about + `,"failed_sources":[1]}`, result.UpstreamInvalidResponse},
		"a 200 with a list that is a string": {200, `{"success":true,` + about + `,"failed_sources":"x"}`, result.UpstreamInvalidResponse},
		"a 200 with success as a string":     {200, `{"success":"true",` + about + `}`, result.UpstreamInvalidResponse},
		"a 201":                              {201, ok, result.UpstreamInvalidResponse},
		"a 204":                              {204, ``, result.UpstreamInvalidResponse},
		"a 304":                              {304, ``, result.UpstreamInvalidResponse},
		"a 200 with 10,001 sources":          {200, `{"success":true,` + about + `,"refreshed_sources":[` + strings.Repeat(`"x",`, 10_000) + `"x"]}`, result.UpstreamInvalidResponse},
		"a 400 with 10,001 sources":          {400, `{"success":false,` + about + `,"error":"x","failed_sources":[` + strings.Repeat(`"x",`, 10_000) + `"x"]}`, result.UpstreamInvalidResponse},
		"a 200 of more than 1 MiB":           {200, ok[:len(ok)-1] + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`, result.UpstreamInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			_, f := refresh(t, serve(t, answer(c.status, c.body)))
			if f == nil || f.Code != c.code || f.UpstreamStatus != c.status {
				t.Errorf("%+v, want %s with status %d", f, c.code, c.status)
			}
		})
	}
}

func TestAnAnswerOfExactly1MiBIsRead(t *testing.T) {
	head := `{"success":true,"user_id":"` + user + `","x":"`
	body := head + strings.Repeat("x", 1<<20-len(head)-2) + `"}`
	if _, f := refresh(t, serve(t, answer(200, body))); f != nil {
		t.Error(f)
	}
}

func TestAGzipBombIsNotUnpacked(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, 64<<20))
	_ = w.Close()
	_, f := refresh(t, serve(t, answer(200, bomb.String(), "Content-Encoding", "gzip")))
	if f == nil || f.Code != result.UpstreamInvalidResponse {
		t.Errorf("%+v", f)
	}
}

func TestAnIncompleteBodyIsAnInvalidResponse(t *testing.T) {
	_, f := refresh(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"success":true`))
	}))
	if f == nil || f.Code != result.UpstreamInvalidResponse || f.UpstreamStatus != 200 {
		t.Errorf("%+v", f)
	}
}

func TestABodyThatDripsEndsWithTheCall(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"success":`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Refresh(ctx, sensitive.New(key), user, 5)
	if f := result.AsFailure(err); f.Code != result.UpstreamTimeout {
		t.Errorf("%+v", f)
	}
}

func TestAServerThatNeverAnswersEndsWithTheCall(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Refresh(ctx, sensitive.New(key), user, 5)
	if f := result.AsFailure(err); f.Code != result.UpstreamTimeout || f.UpstreamStatus != 0 {
		t.Errorf("%+v", f)
	}
}

func TestNoRedirectIsFollowedSoTheKeyGoesNowhereElse(t *testing.T) {
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			_, f := refresh(t, serve(t, answer(status, "", "Location", elsewhere.URL)))
			if f == nil || f.Code != result.UpstreamInvalidResponse || f.UpstreamStatus != status {
				t.Errorf("%+v, want %s with status %d", f, result.UpstreamInvalidResponse, status)
			}
		})
	}
	if visits.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestAHostThatCannotBeReachedIsUnavailable(t *testing.T) {
	c := junction.New(junction.Options{BaseURL: "http://127.0.0.1:1"})
	if _, f := refresh(t, c); f == nil || f.Code != result.UpstreamUnavailable || !f.NotSent || strings.Contains(f.Cause.Error(), user) {
		t.Errorf("%+v", f)
	}
}

func TestAConnectionThatIsResetBeforeTheAnswerIsUnavailable(t *testing.T) {
	_, f := refresh(t, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := http.NewResponseController(w).Hijack()
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	if f == nil || f.Code != result.UpstreamUnavailable || f.NotSent {
		t.Errorf("%+v", f)
	}
}

func TestTheBodyIsNotReadIfTheStatusIsEnough(t *testing.T) {
	for status, code := range map[int]result.Code{
		401: result.UpstreamUnauthorized, 403: result.UpstreamUnauthorized, 429: result.RateLimited, 503: result.UpstreamUnavailable,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done() // without a body
			})
			if _, f := refresh(t, c); f == nil || f.Code != code {
				t.Errorf("%+v, want %s", f, code)
			}
		})
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(answer(200, `{"success":true,"user_id":"`+user+`"}`))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := junction.New(junction.Options{BaseURL: server.URL})
	for range 5 {
		if _, f := refresh(t, c); f != nil {
			t.Fatal(f)
		}
	}
	if connections.Load() != 1 {
		t.Errorf("%d connections for 5 calls", connections.Load())
	}
}

func TestA422sDetailIsKept(t *testing.T) {
	detail := `[{"loc":["query","timeout"],"msg":"x"}]`
	for name, c := range map[string]struct{ body, want string }{
		"a list":       {`{"detail":` + detail + `}`, detail},
		"not JSON":     {`x`, ``},
		"too long":     {`{"detail":"` + strings.Repeat("x", 40<<10) + `"}`, ``},
		"with the key": {`{"detail":"` + key + `"}`, `"[redacted]"`},
		"missing":      {`{}`, ``},
		"null":         {`{"detail":null}`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, f := refresh(t, serve(t, answer(422, c.body))); f == nil || string(f.Detail) != c.want {
				t.Errorf("%+v, want the detail %s", f, c.want)
			}
		})
	}
}

func TestJunctionsErrorTextIsShownShortenedWithoutTheKeyAndControlCharacters(t *testing.T) {
	text, _ := json.Marshal("key " + key + "\r\nX-Injected: 1\x1b[31m" + strings.Repeat("é", 1000))
	_, f := refresh(t, serve(t, answer(400, `{"success":false,"user_id":"`+user+`","error":`+string(text)+`,"failed_sources":["oura/`+key+`"]}`)))
	if f == nil || f.Code != result.UpstreamRejected {
		t.Fatalf("%+v", f)
	}
	if strings.Contains(f.Shown, key) || strings.ContainsAny(f.Shown, "\r\n\x1b") || len(f.Shown) > 510 || !strings.HasPrefix(f.Shown, "key [redacted]  X-") {
		t.Errorf("shown: %q", f.Shown)
	}
	if f.FailedSources[0] != "oura/[redacted]" || strings.Contains(f.Message, "X-Injected") {
		t.Errorf("%+v", f)
	}
	got, _ := refresh(t, serve(t, answer(200, `{"success":true,"user_id":"`+user+`","failed_sources":["oura/`+key+`"]}`)))
	if got.Failed[0] != "oura/[redacted]" {
		t.Errorf("%+v", got)
	}
}

func TestRetryAfterIsInSecondsOrADate(t *testing.T) {
	for value, want := range map[string][2]time.Duration{
		"":      {0, 0},
		"7":     {7 * time.Second, 7 * time.Second},
		"1.5":   {1500 * time.Millisecond, 1500 * time.Millisecond},
		"0":     {0, 0},
		"-5":    {0, 0},
		"NaN":   {0, 0},
		"soon":  {0, 0},
		"1e300": {24 * time.Hour, 24 * time.Hour},
		time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat): {25 * time.Second, 30 * time.Second},
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       {0, 0},
		"Fri, 31 Dec 9999 23:59:59 GMT":                                {24 * time.Hour, 24 * time.Hour},
	} {
		t.Run(value, func(t *testing.T) {
			_, f := refresh(t, serve(t, answer(429, "", "Retry-After", value)))
			if f == nil || f.RetryAfter < want[0] || f.RetryAfter > want[1] {
				t.Errorf("%+v, want %v to %v", f, want[0], want[1])
			}
		})
	}
}

func TestAFailureThatIsNotRetryableHasNoRetryAfter(t *testing.T) {
	if _, f := refresh(t, serve(t, answer(404, "", "Retry-After", "7"))); f == nil || f.RetryAfter != 0 {
		t.Errorf("%+v", f)
	}
}

func TestResolve(t *testing.T) {
	var target string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		target = r.Method + " " + r.RequestURI
		answer(200, `{"user_id":"`+strings.ToUpper(user)+`","client_user_id":"x","connected_sources":[]}`)(w, r)
	})
	id, err := c.Resolve(t.Context(), sensitive.New(key), "app/user 42?é")
	if err != nil || id != user || target != "GET /v2/user/resolve/app%2Fuser%2042%3F%C3%A9" {
		t.Errorf("%s, error %v, called %s", id, err, target)
	}
}

func TestAResolveThatFailsHasItsCode(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		code   result.Code
	}{
		"an unknown user":            {404, ``, result.UserNotFound},
		"an answer that is HTML":     {200, `<html>`, result.UpstreamInvalidResponse},
		"an answer without a user":   {200, `{}`, result.UpstreamInvalidResponse},
		"an answer with a bad ID":    {200, `{"user_id":"../x"}`, result.UpstreamInvalidResponse},
		"a key that is not accepted": {401, ``, result.UpstreamUnauthorized},
		"a 400":                      {400, ``, result.UpstreamRejected},
		"a 202":                      {202, `{"user_id":"` + user + `"}`, result.UpstreamInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := serve(t, answer(c.status, c.body)).Resolve(t.Context(), sensitive.New(key), "x")
			if f := result.AsFailure(err); f.Code != c.code {
				t.Errorf("%+v, want %s", f, c.code)
			}
		})
	}
}
