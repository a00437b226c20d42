package refresh_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestAPanicIsAnInternalErrorWhosePayloadIsNotLogged(t *testing.T) {
	for name, payload := range map[string]any{"a string": "a payload", "an error": errors.New("a payload")} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(func(context.Context) (result.Answer, error) { panic(payload) })
			got := refresh.New(u, goodKey(), options).Refresh(t.Context(), usual())
			wantFailure(t, got, result.Internal, 1)
			if got.Error != "internal error" {
				t.Errorf("the caller is told %q", got.Error)
			}
			if got.UserID != user {
				t.Errorf("the user is %q, want %s", got.UserID, user)
			}
			cause := got.Failure().Cause.Error()
			if strings.Contains(cause, "a payload") {
				t.Errorf("the payload is logged: %s", cause)
			}
			if !strings.Contains(cause, "panic_test.go") {
				t.Errorf("the place is not logged: %s", cause)
			}
		})
	}
}

func TestARuntimeErrorsOwnMessageIsLogged(t *testing.T) {
	u := newUpstream(func(context.Context) (result.Answer, error) {
		var m map[string]int
		m["x"]++ // panics
		return result.Answer{}, nil
	})
	got := refresh.New(u, goodKey(), options).Refresh(t.Context(), usual())
	wantFailure(t, got, result.Internal, 1)
	if cause := got.Failure().Cause.Error(); !strings.Contains(cause, "nil map") {
		t.Errorf("the runtime's message is not logged: %s", cause)
	}
}
