package result_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	resultSchema          = "../../docs/result.schema.json"
	connectionErrorSchema = "../../docs/connection-error.schema.json"
)

// compile returns one of the schemas of docs/.
func compile(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	schema, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// object returns v as a decoded JSON object.
func object(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return decoded.(map[string]any)
}

// everyResult has a result of each kind.
func everyResult() map[string]result.Result {
	explained := result.From(user, result.Answer{Status: 200, Failed: []string{"oura/sleep", "whoop"}})
	explained.Explain([]result.Connection{{Provider: "oura", Broken: true, Reason: "unknown"}, {Provider: "whoop", Broken: true}})
	coalesced := running()
	coalesced.Coalesced, coalesced.AgeSeconds = true, new(0)
	followed, queued := running(), result.FromQueued(user)
	followed.Final, queued.Final = false, false
	many := map[string]result.Result{
		"completed": result.From(user, result.Answer{Status: 200}), "in progress": running(), "followed up": followed,
		"partial": explained, "coalesced": coalesced, "in flight": result.FromInFlight(user),
		"queued": queued, "queued without a bus": result.FromQueued(""), "ignored": result.FromIgnored(""),
		"the end of a follow-up": running().FollowUp().After(nil).Result(),
		"without sources":        running().WithoutSources(), "without lists": running().WithoutLists(),
		"a failure with everything": result.FromFailure(user, &result.Failure{
			Code: result.UpstreamInvalidRequest, Message: "x", UpstreamStatus: 422, FailedSources: []string{"oura/sleep"},
			RetryAfter: time.Second, Detail: json.RawMessage(`[{"loc":["query"]}]`),
		}),
	}
	for _, code := range codes {
		many["failed: "+string(code)] = result.FromFailure("", result.Fail(code, "one sentence"))
	}
	return many
}

// codes are all the codes.
var codes = []result.Code{
	result.InvalidRequest, result.Unauthenticated, result.NotFound, result.MethodNotAllowed, result.NoConnectedSources,
	result.UpstreamRejected, result.UserNotFound, result.UpstreamInvalidRequest, result.UpstreamUnauthorized, result.RateLimited,
	result.InFlight, result.QuotaUnavailable, result.UpstreamUnavailable, result.UpstreamTimeout, result.UpstreamInvalidResponse,
	result.InsufficientTime, result.SecretUnavailable, result.Misconfigured, result.PublishFailed, result.QueueFailed, result.Internal,
}

func TestEveryResultIsValidByItsSchema(t *testing.T) {
	schema := compile(t, resultSchema)
	for name, r := range everyResult() {
		t.Run(name, func(t *testing.T) {
			if err := schema.Validate(object(t, r)); err != nil {
				t.Error(err)
			}
		})
	}
}

// properties returns the names that a schema describes, at the given path into it.
func properties(t *testing.T, path string, keys ...string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var node map[string]any
	if err := json.Unmarshal(text, &node); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		node = node[key].(map[string]any)
	}
	return slices.Sorted(maps.Keys(node))
}

// fields returns the names of a struct's fields in JSON.
func fields(v any) (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestTheSchemasDescribeEveryField(t *testing.T) {
	for name, c := range map[string]struct{ described, written []string }{
		"a result":           {properties(t, resultSchema, "properties"), fields(result.Result{})},
		"a source":           {properties(t, resultSchema, "properties", "sources", "items", "properties"), fields(result.Source{})},
		"a connection error": {properties(t, connectionErrorSchema, "properties"), fields(result.ConnectionError{})},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.written, c.described); diff != "" {
				t.Errorf("the fields (-written +described):\n%s", diff)
			}
		})
	}
}

func TestTheSchemasErrorCodesAreTheTables(t *testing.T) {
	text, err := os.ReadFile(resultSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct{ Enum []result.Code }
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	got := schema.Properties["error_code"].Enum
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(codes)), got); diff != "" {
		t.Errorf("error codes (-want +got):\n%s", diff)
	}
}

func TestALaterFieldBreaksNobody(t *testing.T) {
	schema := compile(t, resultSchema)
	for name, r := range everyResult() {
		t.Run(name, func(t *testing.T) {
			v := object(t, r)
			v["a_later_field"] = map[string]any{"x": 1.5}
			for _, source := range v["sources"].([]any) {
				source.(map[string]any)["a_later_field"] = "x"
			}
			if err := schema.Validate(v); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a connection error", func(t *testing.T) {
		v := object(t, result.NewConnectionError(result.User{ID: user}, "oura", ""))
		v["a_later_field"] = true
		if err := compile(t, connectionErrorSchema).Validate(v); err != nil {
			t.Error(err)
		}
	})
}

func TestEveryFieldThatIsAlwaysWrittenIsRequired(t *testing.T) {
	for path, v := range map[string]any{
		resultSchema:          result.FromIgnored(""),
		connectionErrorSchema: result.NewConnectionError(result.User{ID: user}, "oura", ""),
	} {
		schema := compile(t, path)
		for name := range object(t, v) {
			t.Run(name, func(t *testing.T) {
				without := object(t, v)
				delete(without, name)
				if schema.Validate(without) == nil {
					t.Error("it may be missing")
				}
			})
		}
	}
}

func TestTheSchemaRefusesWhatNoResultIs(t *testing.T) {
	schema := compile(t, resultSchema)
	results := everyResult()
	source := func(keys string) any {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(`[{"provider":"oura","resource":"sleep",` + keys + `}]`))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, c := range map[string]struct {
		of    string
		field string
		value any
	}{
		"another version":                       {"completed", "schema_version", json.Number("2")},
		"a version in quotes":                   {"completed", "schema_version", "1"},
		"final that is not a boolean":           {"completed", "final", "true"},
		"a completed result that is not final":  {"completed", "final", false},
		"a partial result that is not final":    {"partial", "final", false},
		"an ignored result that is not final":   {"ignored", "final", false},
		"a failure that is not final":           {"failed: internal", "final", false},
		"an empty app's ID":                     {"completed", "client_user_id", ""},
		"an app's ID of null":                   {"completed", "client_user_id", nil},
		"an age without coalescing":             {"completed", "age_seconds", json.Number("3")},
		"a negative age":                        {"coalesced", "age_seconds", json.Number("-1")},
		"an age of half a second":               {"coalesced", "age_seconds", json.Number("0.5")},
		"an age of null":                        {"coalesced", "age_seconds", nil},
		"truncated that is false":               {"completed", "truncated", false},
		"a user in upper case":                  {"completed", "user_id", strings.ToUpper(user)},
		"a status that is new":                  {"completed", "status", "settled"},
		"a success that failed":                 {"completed", "success", false},
		"a failure that succeeded":              {"failed: internal", "success", true},
		"an error of a success":                 {"completed", "error", "x"},
		"an error code of a success":            {"completed", "error_code", "internal"},
		"retryable of a success":                {"completed", "retryable", false},
		"a wait of a success":                   {"completed", "retry_after_seconds", json.Number("1")},
		"a detail of a success":                 {"completed", "detail", []any{}},
		"an error code that is new":             {"failed: internal", "error_code", "boring"},
		"a wait of 0":                           {"failed: internal", "retry_after_seconds", json.Number("0")},
		"a timeout below Junction's":            {"completed", "timeout_seconds", json.Number("4")},
		"a timeout over Junction's":             {"completed", "timeout_seconds", json.Number("61")},
		"a time that is not UTC":                {"completed", "completed_at", "2026-11-23T18:13:00+01:00"},
		"a negative duration":                   {"completed", "duration_ms", json.Number("-1")},
		"sources that repeat":                   {"completed", "refreshed_sources", []any{"a", "a"}},
		"a source without a state":              {"completed", "sources", source(`"x":1`)},
		"a refreshed source to reconnect":       {"completed", "sources", source(`"state":"refreshed","reconnect":true`)},
		"a running source to reconnect":         {"completed", "sources", source(`"state":"in_progress","reconnect":true`)},
		"a failed source not to reconnect":      {"completed", "sources", source(`"state":"failed","reconnect":false`)},
		"a reason without reconnect":            {"completed", "sources", source(`"state":"failed","reason":"unknown"`)},
		"a reason that is a sentence":           {"completed", "sources", source(`"state":"failed","reconnect":true,"reason":"No, sorry"`)},
		"an empty reason":                       {"completed", "sources", source(`"state":"failed","reconnect":true,"reason":""`)},
		"a reason of a source that is all well": {"completed", "sources", source(`"state":"refreshed","reconnect":true,"reason":"unknown"`)},
	} {
		t.Run(name, func(t *testing.T) {
			v := object(t, results[c.of])
			v[c.field] = c.value
			if schema.Validate(v) == nil {
				t.Errorf("it is valid: %v", v)
			}
		})
	}
	for _, field := range []string{"error", "error_code", "retryable"} {
		t.Run("a failure without "+field, func(t *testing.T) {
			v := object(t, results["failed: internal"])
			delete(v, field)
			if schema.Validate(v) == nil {
				t.Error("it is valid")
			}
		})
	}
}

func TestAConnectionErrorIsValidByItsSchemaIfItNamesAUserAndAProvider(t *testing.T) {
	schema := compile(t, connectionErrorSchema)
	for name, c := range map[string]struct {
		e    *result.ConnectionError
		want bool
	}{
		"with everything":     {result.NewConnectionError(result.User{ID: user, ClientUserID: "app"}, "oura", "unknown"), true},
		"with the least":      {result.NewConnectionError(result.User{ID: user}, "oura", "No, sorry"), true},
		"without a provider":  {result.NewConnectionError(result.User{ID: user}, "Oura, Inc.", ""), false},
		"without a user":      {result.NewConnectionError(result.User{}, "oura", ""), false},
		"of no known version": {&result.ConnectionError{UserID: user, Provider: "oura", ReceivedAt: time.Now().UTC()}, false},
		"not in UTC":          {&result.ConnectionError{SchemaVersion: 1, UserID: user, Provider: "oura", ReceivedAt: began.In(time.FixedZone("", 3600))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := schema.Validate(object(t, c.e)); (err == nil) != c.want {
				t.Errorf("error %v", err)
			}
		})
	}
}
