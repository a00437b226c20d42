package app_test

import (
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/app"
	"github.com/junction-refresh/junction-refresh/internal/config"
	"github.com/junction-refresh/junction-refresh/internal/junction"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/observe"
	"github.com/junction-refresh/junction-refresh/internal/result"
	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

func TestARefreshGoesFromTheEventToJunctionAndBack(t *testing.T) {
	f := start(t)
	got := f.result(t, `{"user_id":"`+junctiontest.DefaultUserID+`","timeout":30}`)
	wantStatus(t, got, result.Partial)
	if diff := cmp.Diff([]string{"withings/body", "withings/sleep", "withings/vitals/blood_pressure"}, got.RefreshedSources); diff != "" {
		t.Errorf("other sources are refreshed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"oura/sleep"}, got.FailedSources); diff != "" {
		t.Errorf("other sources failed (-want +got):\n%s", diff)
	}
	if got.TimeoutSeconds != 30 {
		t.Errorf("timeout_seconds is %v, want 30", got.TimeoutSeconds)
	}
	f.wantCalls(t, junctiontest.DefaultUserID, 1)
	sent := f.junction.Requests()
	if sent[0].RawQuery != "timeout=30" {
		t.Errorf("the query is %q, want timeout=30", sent[0].RawQuery)
	}
	if agent := sent[0].Header.Get("User-Agent"); agent != "junction-refresh/test" {
		t.Errorf("the User-Agent is %q, want junction-refresh/test", agent)
	}
	if strings.Contains(f.log.String(), junctiontest.DefaultKey) {
		t.Errorf("the key is logged:\n%s", f.log)
	}
	if !strings.Contains(f.log.String(), "CALLER_AUTH is none") {
		t.Errorf("the open endpoint is not warned of:\n%s", f.log)
	}
}

func TestTheSummaryOfManyUsersCountsEachStatus(t *testing.T) {
	answer, err := start(t).invoke(t, `{"user_ids":["`+strings.Join([]string{
		junctiontest.CompletedUserID, junctiontest.SlowUserID, junctiontest.DefaultUserID, junctiontest.NoSourcesUserID,
		junctiontest.UnknownUserID,
	}, `","`)+`"],"timeout":5}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `"summary":{"users":5,"completed":1,"in_progress":1,"partial":1,"failed":2}`
	if !strings.Contains(string(answer), want) {
		t.Errorf("there is no %s in %s", want, answer)
	}
}

func TestAnAppsOwnIDIsResolvedFirst(t *testing.T) {
	f := start(t)
	got := f.result(t, `{"client_user_id":"`+junctiontest.CompletedClientUserID+`"}`)
	wantStatus(t, got, result.Completed)
	if got.UserID != junctiontest.CompletedUserID {
		t.Errorf("the user is %s, want %s", got.UserID, junctiontest.CompletedUserID)
	}
	if total := f.junction.Total(); total != 2 {
		t.Errorf("%d requests to Junction, want a look-up and a refresh", total)
	}
	got = f.result(t, `{"client_user_id":"nobody@example.com"}`)
	if got.ErrorCode != result.UserNotFound {
		t.Errorf("an unknown user is answered with %s, want %s", got.ErrorCode, result.UserNotFound)
	}
	if strings.Contains(got.Error, "nobody") {
		t.Errorf("the error has the app's ID: %s", got.Error)
	}
}

func TestADeadIdleConnectionIsRetried(t *testing.T) {
	f := start(t, "COALESCE_WINDOW=0s")
	f.result(t, completedUser)
	f.junction.Inject(1, junctiontest.ResetConnection())
	got := f.result(t, completedUser)
	wantStatus(t, got, result.Completed)
	if got.Attempts != 2 {
		t.Errorf("%d attempts, want 2", got.Attempts)
	}
}

// aws-lambda-go can run several invocations at once in one process (AWS_LAMBDA_MAX_CONCURRENCY).
func TestConcurrentInvocationsDoNotDisturbEachOther(t *testing.T) {
	f := start(t, "QUOTA_LIMIT=0", "COALESCE_WINDOW=0s")
	var wait sync.WaitGroup
	for event, userID := range map[string]string{
		partialUser: junctiontest.DefaultUserID,
		`{"client_user_id":"` + junctiontest.CompletedClientUserID + `"}`: junctiontest.CompletedUserID,
	} {
		for range 8 {
			wait.Go(func() {
				if got := f.result(t, event); got.UserID != userID {
					t.Errorf("%s is answered for the user %s, want %s", event, got.UserID, userID)
				}
			})
		}
	}
	wait.Wait()
	f.wantCalls(t, junctiontest.DefaultUserID, 8)
}

func TestAFaultyConfigurationIsAnErrorThatNamesEveryFault(t *testing.T) {
	_, err := app.New([]string{"MAX_ATTEMPTS=x", "SECRET_TTL=y"}, "test", slog.New(slog.DiscardHandler), app.Options{})
	if err == nil {
		t.Fatal("the function is made")
	}
	for _, name := range []string{"MAX_ATTEMPTS", "SECRET_TTL", "JUNCTION_SECRET_ID"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
}

func TestTheClientKnowsEveryEnvironmentOfTheConfiguration(t *testing.T) {
	for _, environment := range config.Environments {
		t.Run(environment, func(t *testing.T) {
			if err := junction.New(junction.Options{Environment: environment}).Check(sensitive.New("a key without a prefix")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGarbageIsCollectedBeforeTheFunctionsMemoryIsFull(t *testing.T) {
	before := debug.SetMemoryLimit(-1) // reads it
	defer debug.SetMemoryLimit(before)
	start(t, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128")
	if got := debug.SetMemoryLimit(-1); got != 96<<20 {
		t.Errorf("the memory limit is %d MiB, want 96 of 128", got>>20)
	}
}

func TestAQueueABusAndAnObserverCanBeOfThisProcess(t *testing.T) {
	q, b, o := &queue{}, &bus{}, &observer{Observer: observe.NewLog(slog.New(slog.DiscardHandler))}
	f := startWith(t, app.Options{Queue: q, Bus: b, Observers: observe.All{o}})
	wantStatus(t, f.result(t, completedUser), result.Completed)
	wantStatus(t, f.result(t, `{"user_ids":["`+junctiontest.CompletedUserID+`"]}`), result.Queued)
	if q.sent != 1 {
		t.Errorf("%d messages are queued, want 1", q.sent)
	}
	if len(b.results) != 1 {
		t.Errorf("%d results are published, want 1", len(b.results))
	}
	if o.invocations != 2 {
		t.Errorf("the observer is told of %d invocations, want 2", o.invocations)
	}
	if !strings.Contains(f.log.String(), `"msg":"refresh"`) {
		t.Errorf("with an observer, nothing is logged:\n%s", f.log)
	}
}
