package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/junction-refresh/junction-refresh/internal/handler"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// succeedingRefresher refreshes every user.
type succeedingRefresher struct{ handler.Refresher }

func (succeedingRefresher) All(_ context.Context, requests []refresh.Request, each func(int, result.Result)) {
	for i, request := range requests {
		each(i, result.From(request.UserID, result.Answer{Status: 200}))
	}
}

func TestAForgedTraceHeaderIsNotLogged(t *testing.T) {
	for name, header := range map[string]string{
		"a long one":                   "Root=1-" + strings.Repeat("a", 100_000),
		"one with another's words":     "Root=forged words;Sampled=1",
		"one with a line break":        "Root=1-5759e988\nforged;Sampled=1",
		"a long one behind a good one": "Root=1-5759e988-bd862e3fe1be46a994272793;Self=" + strings.Repeat("forged", 100),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			logger := slog.New(slog.NewJSONHandler(&log, nil))
			h := handler.New(succeedingRefresher{}, handler.Options{DefaultTimeout: 10, Observer: observe.NewLog(logger), Log: logger})
			event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
				MessageId: "m", EventSource: "aws:sqs", Body: `{"user_id":"1449752e-0d8a-40e0-9206-91ab099b2537"}`,
				Attributes: map[string]string{"AWSTraceHeader": header},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Invoke(t.Context(), event); err != nil {
				t.Fatal(err)
			}
			if text := log.String(); !strings.Contains(text, `"msg":"refresh"`) || len(text) > 2000 || strings.Contains(text, "forged") {
				t.Errorf("the log has %d bytes: %.300s", len(text), text)
			}
		})
	}
}
