package harness

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var resultSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	return compiler.Compile(Path("docs/result.schema.json"))
})

// Result has the fields of a result that tests look at.
type Result struct {
	Success        bool            `json:"success"`
	Status         string          `json:"status"`
	UserID         string          `json:"user_id"`
	Refreshed      []string        `json:"refreshed_sources"`
	InProgress     []string        `json:"in_progress_sources"`
	Failed         []string        `json:"failed_sources"`
	Timeout        float64         `json:"timeout_seconds"`
	UpstreamStatus int             `json:"upstream_status"`
	Attempts       int             `json:"attempts"`
	Coalesced      bool            `json:"coalesced"`
	RequestID      string          `json:"request_id"`
	Error          string          `json:"error"`
	ErrorCode      string          `json:"error_code"`
	Detail         json.RawMessage `json:"detail"`
}

// ReadResult decodes a result, which must be valid by docs/result.schema.json.
func ReadResult(t *testing.T, body []byte) Result {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the result is not JSON: %v: %s", err, body)
	}
	if err := Must(resultSchema())(t).Validate(document); err != nil {
		t.Errorf("the result is not valid by its schema: %v\n%s", err, body)
	}
	return Decode[Result](t, body)
}
