package handler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// batch is an SQS event with one message a body; the IDs are m0, m1, ….
func batch(bodies ...string) string {
	var records []string
	for i, body := range bodies {
		text, _ := json.Marshal(body)
		records = append(records, fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","body":%s}`, i, text))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func failures(t *testing.T, answer []byte, err error) []string {
	t.Helper()
	var out struct {
		BatchItemFailures *[]struct{ ItemIdentifier string }
	}
	if err == nil {
		err = json.Unmarshal(answer, &out)
	}
	if err != nil || out.BatchItemFailures == nil {
		t.Fatalf("%v in %s", err, answer)
	}
	ids := []string{}
	for _, f := range *out.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func TestOnlyTheMessagesThatCanBeTriedAgainComeBack(t *testing.T) {
	const third, fourth = "9f1c7d52-5d0e-4a53-9b62-2f0a4c1b7e33", "00000000-0000-4000-8000-000000000004"
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.UpstreamUnavailable, "x")
	f.refresher.fails[third] = result.Fail(result.NoConnectedSources, "x")
	answer, err := f.invoke(t, batch(
		`{"user_id":"`+user+`"}`,
		`{"user_id":"`+other+`"}`,
		`{"user_id":"`+third+`"}`,
		`not JSON`,
		`{"detail-type":"x","source":"my.app","detail":{"user_id":"`+fourth+`","timeout":20}}`,
		`{"client_user_id":"app-user-42"}`,
		`{"detail-type":"x","source":"junction.refresh","detail":{"user_id":"`+other+`"}}`,
		`{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"`+user+`"}`,
		`{"user_ids":["`+user+`","`+other+`"]}`,
		`{"user_ids":["`+user+`","`+third+`"]}`,
		``,
	))
	// The refresher resolves every client_user_id to a user that fails.
	if got := failures(t, answer, err); !slices.Equal(got, []string{"m1", "m5", "m8"}) {
		t.Errorf("%q came back", got)
	}
	if len(f.refresher.asked) != 9 {
		t.Errorf("%d refreshes", len(f.refresher.asked))
	}
	if lines := strings.Count(f.log.String(), `"trigger":"sqs"`); lines != 13 {
		t.Errorf("%d log lines", lines)
	}
}

func TestWhereAllFailAllAreListedAndItIsNoError(t *testing.T) {
	f := newFunction()
	f.refresher.fails[user] = result.Fail(result.SecretUnavailable, "x")
	answer, err := f.invoke(t, batch(`{"user_id":"`+user+`"}`, `{"user_id":"`+user+`"}`))
	if got := failures(t, answer, err); !slices.Equal(got, []string{"m0", "m1"}) {
		t.Errorf("%q", got)
	}
}

func TestNothingIsListedThatDidNotComeIn(t *testing.T) {
	f := newFunction()
	f.refresher.fails[user] = result.Fail(result.SecretUnavailable, "x")
	answer, err := f.invoke(t, `{"Records":[{"eventSource":"aws:sqs","body":"{\"user_id\":\"`+user+`\"}"}]}`)
	if got := failures(t, answer, err); len(got) != 0 {
		t.Errorf("%q", got)
	}
	answer, err = f.invoke(t, batch(`{"user_id":"`+other+`"}`))
	if got := failures(t, answer, err); len(got) != 0 || string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("%s", answer)
	}
}

func TestABatchThatCannotBeDecodedIsTriedAgain(t *testing.T) {
	_, err := newFunction().invoke(t, `{"Records":[{"eventSource":"aws:sqs","messageId":7}]}`)
	if errorType, _ := lambdaError(t, err); errorType != "Internal" {
		t.Error(errorType)
	}
}
