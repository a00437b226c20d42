package awstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
)

// handler is a lambda.Handler.
type handler func(context.Context, []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

func TestTheHandlerHasADeadlineARequestIDAndTheInvokersValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "a value")
		answer, err := awstest.Lambda{Timeout: time.Minute, Handler: handler(func(ctx context.Context, event []byte) ([]byte, error) {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute {
				t.Errorf("%v are left", time.Until(deadline))
			}
			if lc, ok := lambdacontext.FromContext(ctx); !ok || len(lc.AwsRequestID) != 36 {
				t.Error("there is no request ID")
			}
			if ctx.Value(key{}) != "a value" {
				t.Error("the value is lost")
			}
			return event, nil
		})}.Invoke(ctx, []byte("{}"))
		if err != nil || string(answer) != "{}" {
			t.Errorf("%s, %v", answer, err)
		}
	})
}

func TestAnErrorIsReportedAsLambdaReportsIt(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"with a type of its own", fmt.Errorf("wrapped: %w", messages.InvokeResponse_Error{Type: "RateLimited", Message: "why"}),
			`{"errorMessage":"why","errorType":"RateLimited"}`},
		{"of a Go type", errors.New("why"), `{"errorMessage":"why","errorType":"*errors.errorString"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Lambda{Timeout: time.Minute, Handler: handler(func(context.Context, []byte) ([]byte, error) {
				return []byte("an answer with the error"), test.err
			})}.Invoke(t.Context(), nil)
			if document, _ := json.Marshal(err); string(document) != test.want {
				t.Errorf("reported as %s, want %s", document, test.want)
			}
		})
	}
}

func TestAHandlerThatIsNotDoneAtItsDeadlineTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		answer, err := awstest.Lambda{Timeout: 2 * time.Second, Handler: handler(func(context.Context, []byte) ([]byte, error) {
			time.Sleep(time.Hour)
			return nil, nil
		})}.Invoke(t.Context(), nil)
		var failed *awstest.FunctionError
		if !errors.As(err, &failed) || answer != nil || time.Since(began) != 2*time.Second {
			t.Fatalf("%s, %v after %v", answer, err, time.Since(began))
		}
		message := regexp.MustCompile(`[0-9a-f-]{36}`).ReplaceAllString(failed.Error(), "ID")
		if diff := cmp.Diff("Sandbox.Timedout: RequestId: ID Error: Task timed out after 2.00 seconds", message); diff != "" {
			t.Errorf("the error (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
	})
}

func TestAnInvokerThatHangsUpDoesNotEndTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		finished := false
		_, err := awstest.Lambda{Timeout: time.Minute, Handler: handler(func(ctx context.Context, _ []byte) ([]byte, error) {
			time.Sleep(10 * time.Second)
			finished = ctx.Err() == nil
			return nil, nil
		})}.Invoke(ctx, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if !finished {
			t.Error("the handler was canceled")
		}
	})
}
