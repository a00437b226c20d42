package document_test

import (
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/document"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	user      = "1449752e-0d8a-40e0-9206-91ab099b2537"
	otherUser = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"
	upperUser = "1449752E-0D8A-40E0-9206-91AB099B2537"
)

// newReader returns a reader with the function's default options and without a queue.
func newReader() *document.Reader {
	return &document.Reader{
		DefaultTimeout: 10,
		UserIDPaths:    [][]string{{"user_id"}, {"data", "user_id"}, {"detail", "user_id"}},
		WebhookEvents:  []string{"provider.connection.created"},
	}
}

// newQueueReader returns a reader of a function that has a queue.
func newQueueReader() *document.Reader {
	r := newReader()
	r.Queue = true
	return r
}

// refusal returns the failure that refuses a document, and ends the test if there is none.
func refusal(t *testing.T, err error) *result.Failure {
	t.Helper()
	if err == nil {
		t.Fatal("the document was accepted")
	}
	f := result.AsFailure(err)
	if f.Code != result.InvalidRequest {
		t.Errorf("the code is %s, want %s", f.Code, result.InvalidRequest)
	}
	return f
}
