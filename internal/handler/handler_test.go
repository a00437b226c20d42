package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	user  = "1449752e-0d8a-40e0-9206-91ab099b2537"
	other = "6b8b45f4-32a7-4b4c-8d3f-0c5a1de0f4a1"
)

// refresher records what it was asked for, and succeeds but for the users that fail.
type refresher struct {
	mu    sync.Mutex
	asked []refresh.Request
	fails map[string]*result.Failure
	took  int // the status that Junction answers with; 0 is 200
	panic bool

	inFlight bool // somebody else is refreshing every user

	team      []string
	listed    [][2]int // offset and limit
	listFails error
}

func (r *refresher) Refresh(_ context.Context, request refresh.Request) result.Result {
	if r.panic {
		panic("a payload")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, request)
	id := request.UserID
	if id == "" {
		id = other
	}
	out := result.From(id, result.Answer{Status: max(r.took, 200), Refreshed: []string{"withings/body"}})
	if r.inFlight {
		out = result.FromInFlight(id)
	}
	if f := r.fails[id]; f != nil {
		out = result.FromFailure(id, f)
	}
	out.RequestID, out.RequestedTimeoutSeconds = request.RequestID, request.Timeout
	return out
}

// All hands over the last result first: nothing may rely on the order.
func (r *refresher) All(ctx context.Context, requests []refresh.Request, each func(int, result.Result)) {
	outs := make([]result.Result, len(requests))
	for i, request := range requests {
		outs[i] = r.Refresh(ctx, request)
	}
	for i, out := range slices.Backward(outs) {
		each(i, out)
	}
}

// Users lists the users of team, as Junction would with all of them connected but those whose ID is "".
func (r *refresher) Users(_ context.Context, _ refresh.Budget, offset, limit int) (result.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed = append(r.listed, [2]int{offset, limit})
	if r.listFails != nil {
		return result.Page{}, r.listFails
	}
	page := result.Page{Total: len(r.team)}
	for _, id := range r.team[min(offset, len(r.team)):min(offset+limit, len(r.team))] {
		if id != "" {
			page.UserIDs = append(page.UserIDs, id)
		}
	}
	return page, nil
}

// function is a handler with what it was asked and what it logged.
type function struct {
	*handler.Handler
	refresher *refresher
	log       *bytes.Buffer
}

func newFunction(change ...func(*handler.Options)) function {
	f := function{refresher: &refresher{fails: map[string]*result.Failure{}}, log: &bytes.Buffer{}}
	options := handler.Options{
		DefaultTimeout: 10,
		UserIDPaths:    [][]string{{"user_id"}, {"data", "user_id"}, {"detail", "user_id"}},
		WebhookEvents:  []string{"provider.connection.created"},
		Admit: func(_ context.Context, r *handler.Request) (string, error) {
			return r.Header.Get("Webhook-Id") + r.Header.Get("Svix-Id"), nil
		},
		Observer: observe.NewLog(logOf(f.log)), Log: logOf(f.log),
	}
	for _, c := range change {
		c(&options)
	}
	f.Handler = handler.New(f.refresher, options)
	return f
}

func logOf(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// invoke calls the function as Lambda does, 90 s before its deadline.
func (f function) invoke(t *testing.T, event string) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1") //nolint:revive,staticcheck // aws-lambda-go's key
	return f.Invoke(ctx, []byte(event))
}

// one decodes a result and holds it against the schema.
func one(t *testing.T, text []byte) result.Result {
	t.Helper()
	validate(t, text)
	var out result.Result
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

var compileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("../../docs/result.schema.json")
})

func validate(t *testing.T, text []byte) {
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
}

// lambdaError returns the errorType and the message of an error.
func lambdaError(t *testing.T, err error) (errorType, message string) {
	t.Helper()
	e, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // Lambda looks at the outermost type alone
	if !ok {
		t.Fatalf("%T is not a Lambda error with a type: %v", err, err)
	}
	return e.Type, e.Message
}

func TestADirectDocumentIsAnsweredWithItsResult(t *testing.T) {
	for document, want := range map[string]refresh.Request{
		`{"user_id":"` + user + `"}`:                                                          {UserID: user, Timeout: 10},
		`{"user_id":"` + strings.ToUpper(user) + `","timeout":30}`:                            {UserID: user, Timeout: 30},
		`{"user_id":"` + user + `","timeout":" 30.5 "}`:                                       {UserID: user, Timeout: 30.5},
		`{"user_id":"` + user + `","timeout":null,"client_user_id":"x"}`:                      {UserID: user, Timeout: 10},
		`{"user_id":"` + user + `","timeout":-3}`:                                             {UserID: user, Timeout: -3},
		`{"user_id":null,"client_user_id":"app-user-42"}`:                                     {ClientUserID: "app-user-42", Timeout: 10},
		`{"user_id":"` + user + `","anything":{"else":[1]},"all_users":null}`:                 {UserID: user, Timeout: 10},
		`{"data":{"user_id":"` + user + `"},"timeout":20}`:                                    {UserID: user, Timeout: 20},
		`{"detail":{"user_id":"` + user + `"}}`:                                               {UserID: user, Timeout: 10},
		`{"version":2,"requestContext":"x","Records":null,"user_id":"` + user + `"}`:          {UserID: user, Timeout: 10},
		`{"event_type":"provider.connection.created","team_id":"t","user_id":"` + user + `"}`: {UserID: user, Timeout: 10},
		`{"event_type":"login","user_id":"` + user + `"}`:                                     {UserID: user, Timeout: 10},
	} {
		f := newFunction()
		answer, err := f.invoke(t, document)
		if err != nil {
			t.Fatal(err)
		}
		got := f.refresher.asked[0]
		if got.UserID != want.UserID || got.ClientUserID != want.ClientUserID || got.Timeout != want.Timeout || got.RequestID != "request-1" {
			t.Errorf("%s asked for %+v", document, got)
		}
		if out := one(t, answer); !out.Success || out.RequestID != "request-1" {
			t.Errorf("%s is answered %s", document, answer)
		}
	}
}

func TestADocumentThatCannotBeUsedIsRefusedWithoutACall(t *testing.T) {
	quoted := `"` + user + `"`
	for document, status := range map[string]int{
		``:                           400,
		`null`:                       400,
		`[]`:                         400,
		`"x"`:                        400,
		`{"user_id":`:                400,
		`{}`:                         400,
		`{"USER_ID":` + quoted + `}`: 400,
		`{"user_ids":[` + quoted + `],"user_id":` + quoted + `}`: 400,
		`{"user_ids":[` + quoted + `],"client_user_id":"x"}`:     400,
		`{"all_users":true,"user_id":` + quoted + `}`:            400,
		`{"all_users":true}`:  400,
		`{"all_users":false}`: 422,
		`{"user_id":"x"}`:     422,
		`{"user_id":""}`:      422,
		`{"user_id":7}`:       422,
		`{"user_id":"{1449752e-0d8a-40e0-9206-91ab099b2537}"}`:                422,
		`{"user_id":"1449752e0d8a40e0920691ab099b2537"}`:                      422,
		`{"user_id":"../../../../../../../../../../../x/y"}`:                  422,
		`{"data":{"user_id":"x"}}`:                                            422,
		`{"data":{"user_id":{}}}`:                                             422,
		`{"user_ids":[]}`:                                                     422,
		`{"user_ids":"x"}`:                                                    422,
		`{"user_ids":[` + quoted + `,"x"]}`:                                   422,
		`{"user_ids":[` + quoted + `,null]}`:                                  422,
		`{"user_ids":[` + quoted + `,7]}`:                                     422,
		`{"client_user_id":""}`:                                               422,
		`{"client_user_id":".."}`:                                             422,
		`{"client_user_id":"."}`:                                              422,
		`{"client_user_id":42}`:                                               422,
		`{"client_user_id":"a\u0000b"}`:                                       422,
		`{"client_user_id":"a\uffffb"}`:                                       422,
		`{"client_user_id":"` + strings.Repeat("x", 1025) + `"}`:              422,
		`{"user_id":` + quoted + `,"timeout":"NaN"}`:                          422,
		`{"user_id":` + quoted + `,"timeout":"inf"}`:                          422,
		`{"user_id":` + quoted + `,"timeout":1e309}`:                          422,
		`{"user_id":` + quoted + `,"timeout":"0x1p3"}`:                        422,
		`{"user_id":` + quoted + `,"timeout":""}`:                             422,
		`{"user_id":` + quoted + `,"timeout":"soon"}`:                         422,
		`{"user_id":` + quoted + `,"timeout":true}`:                           422,
		`{"user_id":` + quoted + `,"timeout":[30]}`:                           422,
		`{"user_id":` + quoted + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`: 413,
	} {
		name := document
		if len(name) > 80 {
			name = name[:80]
		}
		f := newFunction()
		answer, err := f.invoke(t, document)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out := one(t, answer)
		if out.ErrorCode != result.InvalidRequest || out.UserID != "" || len(f.refresher.asked) != 0 || out.RequestID != "request-1" {
			t.Errorf("%s is answered %s", name, answer)
		}
		// The same document as a webhook is answered with the HTTP status.
		encoded, _ := json.Marshal(document)
		answer, err = f.invoke(t, `{"version":"2.0","rawPath":"/webhooks","requestContext":{"http":{"method":"POST"}},"body":`+string(encoded)+`}`)
		if got := readHTTP(t, answer, err); got.StatusCode != status {
			t.Errorf("%s is answered with %d, want %d", name, got.StatusCode, status)
		}
	}
}

func TestADocumentWithoutAUserIsToldWhatWasSeenAndTheLogIsNot(t *testing.T) {
	f := newFunction()
	answer, _ := f.invoke(t, `{"email":"someone@example.com","a_private_key":1}`)
	if out := one(t, answer); !strings.Contains(out.Error, "a_private_key, email") || !strings.Contains(out.Error, "data.user_id") || strings.Contains(out.Error, "someone") {
		t.Error(out.Error)
	}
	if log := f.log.String(); strings.Contains(log, "a_private_key") || strings.Contains(log, "someone") || !strings.Contains(log, `"error":"the document names no user"`) {
		t.Error(log)
	}
}

func TestAWebhookOfSomebodyElseIsReadAtTheConfiguredPaths(t *testing.T) {
	f := newFunction(func(o *handler.Options) { o.UserIDPaths = [][]string{{"user", "metadata", "junction_id"}, {"account"}} })
	for _, document := range []string{
		`{"user":{"metadata":{"junction_id":"` + user + `"}}}`,
		`{"user":{"metadata":{"junction_id":null}},"account":"` + user + `"}`,
		`{"user":"x","account":"` + user + `"}`,
	} {
		if answer, err := f.invoke(t, document); err != nil || !one(t, answer).Success {
			t.Errorf("%s: %s %v", document, answer, err)
		}
	}
}

func TestManyUsersAreRefreshedOnceEachAndAllResultsAreReturned(t *testing.T) {
	f := newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	answer, err := f.invoke(t, `{"user_ids":["`+user+`","`+other+`","`+strings.ToUpper(user)+`"],"timeout":20}`)
	if err != nil {
		t.Fatal(err)
	}
	var many struct {
		Summary map[string]int
		Results []json.RawMessage
	}
	if err := json.Unmarshal(answer, &many); err != nil {
		t.Fatal(err)
	}
	if len(f.refresher.asked) != 2 || f.refresher.asked[1].Timeout != 20 || len(many.Results) != 2 ||
		one(t, many.Results[0]).UserID != user || one(t, many.Results[1]).ErrorCode != result.RateLimited {
		t.Errorf("%s", answer)
	}
	want := map[string]int{"users": 2, "completed": 1, "in_progress": 0, "partial": 0, "failed": 1}
	for key, n := range want {
		if many.Summary[key] != n {
			t.Errorf("summary %v, want %v", many.Summary, want)
		}
	}
	if lines := strings.Count(f.log.String(), "\n"); lines != 2 {
		t.Errorf("%d log lines for 2 refreshes", lines)
	}
}

func TestARetryableFailureIsALambdaErrorWithTheCodeAsItsType(t *testing.T) {
	direct := `{"user_id":"` + user + `"}`
	envelope := `{"version":"0","detail-type":"x","source":"app","detail":` + direct + `}`
	for _, event := range []string{direct, envelope} {
		f := newFunction()
		f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "no more for now", RetryAfter: 90 * time.Second}
		_, err := f.invoke(t, event)
		if errorType, message := lambdaError(t, err); errorType != "RateLimited" || message != "no more for now; try again in 90 s" {
			t.Errorf("%s: %s", errorType, message)
		}
		f.refresher.fails[user] = result.Fail(result.UpstreamUnavailable, "x")
		_, err = f.invoke(t, event)
		if errorType, message := lambdaError(t, err); errorType != "UpstreamUnavailable" || message != "x" {
			t.Errorf("%s: %s", errorType, message)
		}
		f.refresher.fails[user] = result.Fail(result.NoConnectedSources, "x")
		answer, err := f.invoke(t, event)
		if err != nil || one(t, answer).ErrorCode != result.NoConnectedSources {
			t.Errorf("a failure that is not retryable: %s %v", answer, err)
		}
	}
}

func TestAnEventBridgeEventsDetailIsTheDocument(t *testing.T) {
	f := newFunction()
	answer, err := f.invoke(t, `{"detail-type":"Junction User Refresh Requested","source":"my.app","detail":{"user_id":"`+user+`","timeout":20}}`)
	if err != nil || one(t, answer).UserID != user || f.refresher.asked[0].Timeout != 20 {
		t.Errorf("%s %v", answer, err)
	}
	if !strings.Contains(f.log.String(), `"trigger":"eventbridge"`) {
		t.Error(f.log)
	}
	f = newFunction()
	f.refresher.fails[other] = result.Fail(result.RateLimited, "x")
	_, err = f.invoke(t, `{"detail-type":"x","source":"my.app","detail":{"user_ids":["`+user+`","`+other+`"]}}`)
	if errorType, _ := lambdaError(t, err); errorType != "RateLimited" {
		t.Errorf("many users of which one can be tried again: %v", err)
	}
	answer, err = f.invoke(t, `{"detail-type":"x","source":"my.app"}`)
	if err != nil || one(t, answer).ErrorCode != result.InvalidRequest {
		t.Errorf("no detail: %s %v", answer, err)
	}
}

func TestTheFunctionsOwnEventsAreIgnored(t *testing.T) {
	f := newFunction()
	answer, err := f.invoke(t, `{"detail-type":"Junction User Refresh Result","source":"junction.refresh","detail":{"user_id":"`+user+`"}}`)
	if out := one(t, answer); err != nil || out.Status != result.Ignored || !out.Success || len(f.refresher.asked) != 0 {
		t.Errorf("%s %v", answer, err)
	}
}

func TestAJunctionWebhookThatIsNotListedIsIgnored(t *testing.T) {
	f := newFunction()
	answer, err := f.invoke(t, `{"event_type":"daily.data.sleep.created","team_id":"t","user_id":"`+user+`","data":{}}`)
	if out := one(t, answer); err != nil || out.Status != result.Ignored || out.UserID != user || len(f.refresher.asked) != 0 {
		t.Errorf("%s %v", answer, err)
	}
	answer, err = f.invoke(t, `{"event_type":7,"team_id":"t","user_id":"not one"}`)
	if out := one(t, answer); err != nil || out.Status != result.Ignored || out.UserID != "" {
		t.Errorf("%s %v", answer, err)
	}
}

func TestAnEventOfAnotherServiceIsRefusedByName(t *testing.T) {
	for event, said := range map[string]string{
		`{"requestContext":{"elb":{"targetGroupArn":"x"}},"httpMethod":"POST","path":"/webhooks"}`:          "load balancer",
		`{"requestContext":{"connectionId":"x","eventType":"MESSAGE"}}`:                                     "WebSocket",
		`{"type":"REQUEST","methodArn":"x","requestContext":{"httpMethod":"POST"}}`:                         "authorizer",
		`{"version":"2.0","type":"REQUEST","routeArn":"x","requestContext":{"http":{"method":"POST"}}}`:     "authorizer",
		`{"Records":[{"eventSource":"aws:s3"}]}`:                                                            "aws:s3",
		`{"Records":[{"EventSource":"aws:sns"}]}`:                                                           "aws:sns",
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"},{"eventSource":"aws:kinesis"}]}`: "aws:kinesis",
		`{"Records":[]}`: "Records",
		`{"Records":{}}`: "Records",
		`{"Records":[{"eventSource":"` + strings.Repeat("é", 100) + `"}]}`: "…",
		`[{"user_id":"` + user + `"}]`:                                     "not a JSON object",
	} {
		f := newFunction()
		answer, err := f.invoke(t, event)
		if err != nil {
			t.Fatal(err)
		}
		if out := one(t, answer); out.ErrorCode != result.InvalidRequest || !strings.Contains(out.Error, said) || len(f.refresher.asked) != 0 {
			t.Errorf("%s is answered %s", event, answer)
		}
	}
}

func TestAPanicIsInternalAndItsPayloadIsNotLogged(t *testing.T) {
	f := newFunction()
	f.refresher.panic = true
	_, err := f.invoke(t, `{"user_id":"`+user+`"}`)
	if errorType, message := lambdaError(t, err); errorType != "Internal" || message != "internal error" {
		t.Errorf("%s: %s", errorType, message)
	}
	answer, err := f.invoke(t, `{"version":"2.0","rawPath":"/v2/user/refresh/`+user+`","requestContext":{"http":{"method":"POST"}}}`)
	if got := readHTTP(t, answer, err); got.StatusCode != 500 || got.result.ErrorCode != result.Internal {
		t.Errorf("%s", answer)
	}
	if log := f.log.String(); strings.Contains(log, "a payload") || !strings.Contains(log, "handler_test.go") || !strings.Contains(log, `"level":"ERROR"`) {
		t.Error(log)
	}
}

func TestADeadlineThatIsMissingOrPastIsTakenToBe62SecondsAway(t *testing.T) {
	event := []byte(`{"user_id":"` + user + `"}`)
	synctest.Test(t, func(t *testing.T) {
		past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
		defer cancel()
		for _, ctx := range []context.Context{t.Context(), past} {
			f := newFunction()
			if _, err := f.Invoke(ctx, event); err != nil {
				t.Fatal(err)
			}
			if got := f.refresher.asked[0].Budget.Available(time.Now(), 2*time.Second); got != 60 {
				t.Errorf("%v s are available, want 60", got)
			}
		}
	})
}

func TestTheLogLineHasTheResultsNamesAndNoLists(t *testing.T) {
	f := newFunction()
	f.refresher.fails[user] = &result.Failure{Code: result.RateLimited, Message: "ours", Shown: "theirs", RetryAfter: time.Second, FailedSources: []string{"oura"}}
	_, _ = f.invoke(t, `{"user_id":"`+user+`","timeout":20}`)
	var line map[string]any
	if err := json.Unmarshal(f.log.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"msg": "refresh", "level": "WARN", "trigger": "direct", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "success": false,
		"status": "failed", "user_id": user, "requested_timeout_seconds": 20.0, "request_id": "request-1", "error": "ours",
		"error_code": "rate_limited", "retryable": true, "retry_after_seconds": 1.0, "coalesced": false, "attempts": 0.0,
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	for key := range line {
		if strings.HasSuffix(key, "sources") || key == "detail" {
			t.Errorf("%s is logged", key)
		}
	}
}

func TestConcurrentInvocationsDoNotDisturbEachOther(t *testing.T) {
	f := newFunction()
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			id := []string{user, other}[i%2]
			answer, err := f.invoke(t, `{"user_id":"`+id+`"}`)
			if err != nil || one(t, answer).UserID != id {
				t.Errorf("%s %v", answer, err)
			}
		})
	}
	wait.Wait()
}

func FuzzInvoke(f *testing.F) {
	for _, event := range []string{
		`{"user_id":"` + user + `","timeout":"1e5"}`, `{"user_ids":["` + user + `"]}`, `{"client_user_id":"x"}`, `{"all_users":true}`,
		`{"user_ids": ["` + user + `"]}`, `{"all_users": true,"offset":7,"limit":"9"}`, `{"Records":[{"eventSource":"aws:sqs","messageId":"1","attributes":{"ApproximateReceiveCount":"x"},"body":"{\"all_users\": true}"}]}`,
		`{"version":"2.0","rawPath":"/prod/v2/user/refresh/` + user + `/","rawQueryString":"timeout=3","requestContext":{"http":{"method":"POST"},"domainName":"a.lambda-url.b.on.aws"}}`,
		`{"requestContext":{"httpMethod":"POST"},"path":"/webhooks","headers":{"svix-id":"1"},"body":"e30=","isBase64Encoded":true}`,
		`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{\"detail-type\":\"x\",\"source\":\"y\",\"detail\":{}}"}]}`,
		`{"detail-type":"x","source":"y","detail":{"data":{"user_id":1}}}`, `{"Records":[null]}`, `null`, `{`,
	} {
		f.Add([]byte(event))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		fn := newFunction()
		if bytes.ContainsAny(event, " ") { // each way, as the fuzzer likes
			fn = newFunction(func(o *handler.Options) { o.Queue, o.Bus = &queue{}, &bus{} })
		}
		answer, err := fn.invoke(t, string(event))
		if err != nil {
			if errorType, _ := lambdaError(t, err); errorType == "Internal" && !bytes.Contains(event, []byte("aws:sqs")) {
				t.Errorf("%s: %v", event, err)
			}
		} else if !json.Valid(answer) {
			t.Errorf("%s is answered %s", event, answer)
		}
	})
}
