package handler_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// operatorFailures are the failures that only an operator can fix.
var operatorFailures = []result.Code{result.UpstreamUnauthorized, result.Misconfigured}

// forOperator runs a test for each failure that only an operator can fix, which every refresh of user has.
func forOperator(t *testing.T, test func(t *testing.T, f function, b *bus, d *deliveries, code string)) {
	t.Helper()
	for _, code := range operatorFailures {
		t.Run(string(code), func(t *testing.T) {
			b, d := &bus{}, newDeliveries()
			f := newFunction(withBus(b), withDeliveries(d))
			f.refresher.fails[user] = result.Fail(code, "x")
			test(t, f, b, d, string(code))
		})
	}
}

// wantPublished checks the outcomes that were published.
func wantPublished(t *testing.T, b *bus, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), outcomes(b.events)); diff != "" {
		t.Errorf("other results are published (-want +got):\n%s", diff)
	}
}

func TestAnHTTPCallerIsTold424OfAFailureForTheOperator(t *testing.T) {
	forOperator(t, func(t *testing.T, f function, _ *bus, _ *deliveries, code string) {
		response := f.http(t, awstest.Request{Path: mirror}.HTTPAPI())
		response.wantStatus(t, http.StatusFailedDependency)
		out := response.result(t)
		if diff := cmp.Diff([]any{code, false}, []any{string(out.ErrorCode), *out.Retryable}); diff != "" {
			t.Errorf("another code or retryable (-want +got):\n%s", diff)
		}
		if got := response.Headers["Retry-After"]; got != "" {
			t.Errorf("Retry-After is %q, want none", got)
		}
	})
}

func TestAMessageWaitsForTheOperator(t *testing.T) {
	forOperator(t, func(t *testing.T, f function, b *bus, _ *deliveries, _ string) {
		f.wantFailures(t, awstest.SQSBatch(userDocument, `{"user_id":"`+other+`"}`), "m0")
		wantPublished(t, b, "completed")
	})
}

func TestAMessageWithManyUsersWaitsForTheOperatorToo(t *testing.T) {
	forOperator(t, func(t *testing.T, f function, b *bus, _ *deliveries, _ string) {
		f.wantFailures(t, awstest.SQSBatch(`{"user_ids":["`+user+`","`+other+`"]}`), "m0")
		wantPublished(t, b, "completed")
	})
}

func TestAnEventsFailureForTheOperatorIsReturnedAndPublished(t *testing.T) {
	const many = `{"user_ids":["` + user + `","` + other + `"]}`
	forOperator(t, func(t *testing.T, f function, b *bus, _ *deliveries, code string) {
		for name, event := range map[string]string{"direct": userDocument, "EventBridge": awstest.EventBridgeEvent("my.app", userDocument)} {
			t.Run(name, func(t *testing.T) {
				b.events = nil
				if out := f.result(t, event); string(out.ErrorCode) != code || *out.Retryable {
					t.Errorf("it is answered with %s, retryable %t", out.ErrorCode, *out.Retryable)
				}
				wantPublished(t, b, code)
			})
		}
		for name, event := range map[string]string{"direct": many, "EventBridge": awstest.EventBridgeEvent("my.app", many)} {
			t.Run("many users, "+name, func(t *testing.T) {
				b.events = nil
				f.answer(t, event)
				wantPublished(t, b, "completed", code)
			})
		}
	})
}

func TestADeliveryThatWaitsForTheOperatorIsNotRemembered(t *testing.T) {
	for name, body := range map[string]string{"one user": userDocument, "many users": `{"user_ids":["` + other + `","` + user + `"]}`} {
		t.Run(name, func(t *testing.T) {
			forOperator(t, func(t *testing.T, f function, _ *bus, d *deliveries, _ string) {
				f.answer(t, delivery("webhook-id", "msg_1", body))
				if len(d.answers) != 0 {
					t.Errorf("%d deliveries are remembered, want none", len(d.answers))
				}
				delete(f.refresher.fails, user)
				f.http(t, delivery("webhook-id", "msg_1", body)).wantStatus(t, http.StatusOK)
				if len(d.answers) != 1 {
					t.Errorf("%d deliveries are remembered after the next try, want 1", len(d.answers))
				}
			})
		})
	}
}

func TestAllUsersWaitForTheOperator(t *testing.T) {
	for _, code := range operatorFailures {
		t.Run(string(code), func(t *testing.T) {
			b := &bus{}
			d := newDeliveries()
			f := newFunction(withQueue(&queue{}), withBus(b), withDeliveries(d))
			f.refresher.listFails = result.Fail(code, "x")
			f.wantFailures(t, awstest.SQSBatch(`{"all_users":true,"offset":0}`), "m0")
			wantPublished(t, b)
			f.http(t, delivery("webhook-id", "msg_1", `{"all_users":true}`)).wantStatus(t, http.StatusFailedDependency)
			if len(d.answers) != 0 {
				t.Errorf("%d deliveries are remembered, want none", len(d.answers))
			}
		})
	}
}
