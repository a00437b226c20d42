package harness

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

var (
	resultSchema          = sync.OnceValues(func() (*jsonschema.Schema, error) { return schema("docs/result.schema.json") })
	connectionErrorSchema = sync.OnceValues(func() (*jsonschema.Schema, error) { return schema("docs/connection-error.schema.json") })
)

func schema(path string) (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	return compiler.Compile(Path(path))
}

// Result has the fields of a result that tests look at.
type Result struct {
	SchemaVersion  int             `json:"schema_version"`
	Success        bool            `json:"success"`
	Status         string          `json:"status"`
	Final          bool            `json:"final"`
	UserID         string          `json:"user_id"`
	ClientUserID   string          `json:"client_user_id"`
	Refreshed      []string        `json:"refreshed_sources"`
	InProgress     []string        `json:"in_progress_sources"`
	Failed         []string        `json:"failed_sources"`
	Timeout        float64         `json:"timeout_seconds"`
	UpstreamStatus int             `json:"upstream_status"`
	Attempts       int             `json:"attempts"`
	Coalesced      bool            `json:"coalesced"`
	AgeSeconds     *int            `json:"age_seconds"`
	Sources        []SourceRow     `json:"sources"`
	RequestID      string          `json:"request_id"`
	Error          string          `json:"error"`
	ErrorCode      string          `json:"error_code"`
	Detail         json.RawMessage `json:"detail"`
}

// SourceRow is one of a result's sources.
type SourceRow struct {
	Provider  string `json:"provider"`
	Resource  string `json:"resource"`
	State     string `json:"state"`
	Reconnect bool   `json:"reconnect"`
	Reason    string `json:"reason"`
}

// ReadResult decodes a result, which must be valid by docs/result.schema.json.
func ReadResult(t *testing.T, body []byte) Result {
	t.Helper()
	validate(t, Must(resultSchema())(t), body)
	return Decode[Result](t, body)
}

// ReadConnectionError decodes a connection error, which must be valid by docs/connection-error.schema.json.
func ReadConnectionError(t *testing.T, detail []byte) result.ConnectionError {
	t.Helper()
	validate(t, Must(connectionErrorSchema())(t), detail)
	return Decode[result.ConnectionError](t, detail)
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("it is not JSON: %v: %s", err, text)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("it is not valid by its schema: %v\n%s", err, text)
	}
}
