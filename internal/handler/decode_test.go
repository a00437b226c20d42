package handler_test

import (
	"bytes"
	"encoding/json"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// httpAnswer is a decoded HTTP answer.
type httpAnswer struct {
	StatusCode      int
	Headers         map[string]string
	Body            string
	IsBase64Encoded bool
}

// http invokes the function with an HTTP event and returns its answer.
func (f function) http(t *testing.T, event string) httpAnswer {
	t.Helper()
	answer := f.answer(t, event)
	var out httpAnswer
	if err := json.Unmarshal(answer, &out); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	if out.Headers["Content-Type"] != "application/json" || out.Headers["Cache-Control"] != "no-store" {
		t.Errorf("the headers are %v", out.Headers)
	}
	if out.IsBase64Encoded {
		t.Error("the body is base64")
	}
	return out
}

// wantStatus checks the HTTP status.
func (a httpAnswer) wantStatus(t *testing.T, want int) {
	t.Helper()
	if a.StatusCode != want {
		t.Errorf("the status is %d, want %d: %s", a.StatusCode, want, a.Body)
	}
}

// result returns the result in the body.
func (a httpAnswer) result(t *testing.T) result.Result {
	t.Helper()
	return decodeResult(t, []byte(a.Body))
}

var compileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("../../docs/result.schema.json")
})

// decodeResult decodes a result, and checks it against the schema.
func decodeResult(t *testing.T, text []byte) result.Result {
	t.Helper()
	schema, err := compileSchema()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%v\nin %s", err, text)
	}
	var out result.Result
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}
