package junction

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestTheKeysPrefixAndTheEnvironmentSayWhereToCall(t *testing.T) {
	for _, c := range []struct{ key, environment, baseURL, want string }{ // want "" is an error
		{"pk_us_x", "", "", "https://api.us.junction.com"},
		{"pk_eu_x", "", "", "https://api.eu.junction.com"},
		{"sk_us_x", "", "", "https://api.sandbox.us.junction.com"},
		{"sk_eu_x", "", "", "https://api.sandbox.eu.junction.com"},
		{"pk_eu_x", "production_eu", "", "https://api.eu.junction.com"},
		{"unknown", "production", "", "https://api.us.junction.com"},
		{"unknown", "sandbox", "", "https://api.sandbox.us.junction.com"},
		{"unknown", "", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		{"pk_us_x", "", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		{"pk_us_x", "production", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		{"unknown", "", "", ""},
		{"sk_us_x", "production", "", ""},
		{"pk_us_x", "production_eu", "", ""},
		{"sk_us_x", "production", "http://127.0.0.1:1", ""},
	} {
		t.Run(c.key+", environment "+c.environment+", base URL "+c.baseURL, func(t *testing.T) {
			client := New(Options{Environment: c.environment, BaseURL: c.baseURL})
			got, err := client.base(sensitive.New(c.key))
			if got != c.want {
				t.Errorf("URL %q, want %q", got, c.want)
			}
			if c.want == "" && (result.AsFailure(err).Code != result.Misconfigured || strings.Contains(err.Error(), c.key)) {
				t.Errorf("error %v, want %s without the key", err, result.Misconfigured)
			}
			if check := client.Check(sensitive.New(c.key)); (check == nil) != (c.want != "") {
				t.Errorf("Check returns %v", check)
			}
		})
	}
}

func TestAKeyForAnotherEnvironmentIsNeverSent(t *testing.T) {
	var visits int
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits++ }))
	defer server.Close()
	c := New(Options{Environment: "production", BaseURL: server.URL})
	if _, err := c.Refresh(t.Context(), sensitive.New("sk_us_x"), "u", 5); result.AsFailure(err).Code != result.Misconfigured || visits != 0 {
		t.Errorf("%v after %d visits", err, visits)
	}
}

func TestAnInvalidBaseURLIsMisconfigured(t *testing.T) {
	c := New(Options{BaseURL: "http://[::1"})
	if _, err := c.Refresh(t.Context(), sensitive.New("sk_us_x"), "u", 5); result.AsFailure(err).Code != result.Misconfigured {
		t.Error(err)
	}
}

// A Lambda is frozen between invocations: no timer runs, no packet is read, and the wall clock jumps.
func TestAConnectionThatMayHaveBeenLostInAFreezeIsNotUsed(t *testing.T) {
	connections := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { connections[r.RemoteAddr] = true }))
	defer server.Close()
	now := time.Now()
	tr := NewTransport(1).(*transport)
	tr.now = func() time.Time { return now }
	for _, c := range []struct {
		wait time.Duration
		want int
	}{{0, 1}, {40 * time.Second, 1}, {2 * time.Minute, 2}, {time.Second, 2}} {
		now = now.Add(c.wait)
		u, _ := url.Parse(server.URL)
		resp, err := tr.RoundTrip(&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}})
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if len(connections) != c.want {
			t.Errorf("%d connections after another %v, want %d", len(connections), c.wait, c.want)
		}
	}
}

func FuzzUpstreamDecoder(f *testing.F) {
	for _, body := range []string{
		`{"success":true,"user_id":"u","refreshed_sources":["a/b"],"in_progress_sources":[],"failed_sources":null}`,
		`{"success":false,"user_id":"u","error":"user has no connected sources","failed_sources":["a"]}`,
		`{"detail":[{"loc":["query"],"msg":"x"}]}`, `<html>`, ``, `null`, `[]`, `{"success":1}`, `{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537"}`,
		`{"success":true,"user_id":"u","failed_sources":["SK_US_A_KEY_FOR_TESTS"]}`, `{"success":false,"user_id":"u","error":"sk_us_a_key_for_tests"}`,
		`{"detail":{"\u0073k_us_a_key_for_tests":["x \u0053k_us_a_key_for_tests"]}}`,
		`{"users":[{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537","connected_sources":[{}]},{"user_id":"x","connected_sources":[]}],"total":2}`,
		`{"users":[{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537","client_user_id":"SK_us_a_key_for_tests"},{"user_id":"6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1","client_user_id":7}],"total":2}`,
		`{"data":[{"user_id":"u","provider":{"a":{"b":{"last_attempt":{"status":"success","timestamp":"2026-11-23T18:13:00.5+01:00"}}}}}],"next_cursor":null}`,
		`{"data":[1,{"user_id":"u","provider":"a"},{"user_id":"v","provider":{"a":{"b":{"last_attempt":{"status":"failure","timestamp":""}}}}}]}`,
		`{"providers":[{"slug":"a","status":"error","error_details":{"error_type":"unknown"}},{"provider":{"slug":"b"},"error_details":null},null]}`,
	} {
		for _, status := range []int{200, 202, 400, 401, 404, 422, 429, 500, 302, 204} {
			f.Add(status, []byte(body), "5")
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, retryAfter string) {
		const key = "sk_us_a_key_for_tests"
		got := response{status: status, body: body, header: http.Header{"Retry-After": {retryAfter}}, key: sensitive.New(key)}
		answer, err := readRefresh(got, "u")
		out := result.From("u", answer)
		if err != nil {
			failure := result.AsFailure(err)
			if failure.Code == result.Internal || failure.RetryAfter < 0 || failure.RetryAfter > maxRetryAfter || failure.Text() == "" {
				t.Errorf("%+v", failure)
			}
			out = result.FromFailure("u", failure)
		}
		for _, text := range shown(t, out) {
			if strings.Contains(strings.ToLower(text), key) {
				t.Errorf("the key is shown in %q", text)
			}
		}
		if _, err := readUser(got); err != nil && result.AsFailure(err).Code == result.Internal {
			t.Error(err)
		}
		page, err := readPage(got)
		if err != nil && result.AsFailure(err).Code == result.Internal || page.Total < 0 || page.Total > maxTotal {
			t.Errorf("%+v %v", page, err)
		}
		for _, u := range page.Users {
			if uuid.Validate(u.ID) != nil {
				t.Errorf("%q is not a UUID", u.ID)
			}
			if strings.Contains(strings.ToLower(u.ClientUserID), key) {
				t.Errorf("the key is in %q", u.ClientUserID)
			}
		}
		attempts, err := readAttempts(got, "u")
		if err != nil && result.AsFailure(err).Code == result.Internal {
			t.Error(err)
		}
		for _, a := range attempts {
			if a.At.Location() != time.UTC || strings.Contains(a.Provider+a.Resource, key) {
				t.Errorf("%+v", a)
			}
		}
		connections, err := readConnections(got)
		if err != nil && result.AsFailure(err).Code == result.Internal {
			t.Error(err)
		}
		for _, c := range connections {
			if c.Provider == "" || c.Reason != result.Word(c.Reason) || c.Reason != "" && !c.Broken || strings.Contains(c.Provider+c.Reason, key) {
				t.Errorf("%+v", c)
			}
		}
	})
}

// shown returns all texts of a result as a caller decodes them, and those of its failure that are logged.
func shown(t *testing.T, out result.Result) []string {
	t.Helper()
	encoded, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var collect func(any)
	collect = func(value any) {
		switch v := value.(type) {
		case string:
			texts = append(texts, v)
		case []any:
			for _, element := range v {
				collect(element)
			}
		case map[string]any:
			for name, field := range v {
				texts = append(texts, name)
				collect(field)
			}
		}
	}
	collect(decoded)
	if f := out.Failure(); f != nil {
		texts = append(texts, f.Text(), f.Message)
		if f.Cause != nil {
			texts = append(texts, f.Cause.Error())
		}
	}
	return texts
}
