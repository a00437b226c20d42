package test

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
	return compiler.Compile("../docs/result.schema.json")
})

// result is what tests look at of a result.
type result struct {
	Success        bool            `json:"success"`
	Status         string          `json:"status"`
	UserID         string          `json:"user_id"`
	Refreshed      []string        `json:"refreshed_sources"`
	InProgress     []string        `json:"in_progress_sources"`
	Failed         []string        `json:"failed_sources"`
	Timeout        float64         `json:"timeout_seconds"`
	UpstreamStatus int             `json:"upstream_status"`
	Attempts       int             `json:"attempts"`
	Error          string          `json:"error"`
	ErrorCode      string          `json:"error_code"`
	Detail         json.RawMessage `json:"detail"`
}

// readResult decodes a result, which must be as docs/result.schema.json says.
func readResult(t *testing.T, body []byte) result {
	t.Helper()
	schema, err := resultSchema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("the result is no JSON: %v: %s", err, body)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("the result is not as its schema says: %v\n%s", err, body)
	}
	return decode[result](t, body)
}

// decode decodes JSON.
func decode[T any](t *testing.T, body []byte) (value T) {
	t.Helper()
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return value
}
