package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/junction-refresh/junction-refresh/internal/awstest"
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

func TestRefreshPrintsATableAndASummary(t *testing.T) {
	got := local(t, "refresh", "--speed", "100000", junctiontest.DefaultUserID, junctiontest.SlowUserID, junctiontest.ReconnectUserID,
		"client:"+junctiontest.CompletedClientUserID, junctiontest.NoSourcesUserID, "not-an-id", "client:nobody")
	got.mustExit(t, exitFailed)
	lines := strings.Split(strings.TrimRight(got.stdout, "\n"), "\n")
	want := []string{
		"USER STATUS REFRESHED IN PROGRESS FAILED ERROR",
		junctiontest.DefaultUserID + " partial 3 0 1",
		junctiontest.SlowUserID + " in_progress 0 2 0",
		junctiontest.ReconnectUserID + " partial 1 0 1 reconnect oura (token_refresh_failed)",
		"client:app-user-completed completed 2 0 0",
		junctiontest.NoSourcesUserID + " failed 0 0 0 no_connected_sources",
		"not-an-id failed 0 0 0 invalid_request",
		"client:nobody failed 0 0 0 user_not_found",
	}
	for i, line := range want {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != line {
			t.Errorf("line %d is %q, want %q", i, got, line)
		}
	}
	mustContain(t, lines[len(lines)-1], "7 users in ", ": 1 completed, 1 in progress, 2 partial, 3 failed")
	if got.stderr != "" {
		t.Errorf("standard error has %q, although it is not a terminal", got.stderr)
	}
}

func TestRefreshSucceedsIfNoUserFails(t *testing.T) {
	got := local(t, "refresh", junctiontest.CompletedUserID)
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "1 user in ", "1 completed, 0 in progress, 0 partial, 0 failed")
}

func TestUsersAreReadFromAFileOrStandardInput(t *testing.T) {
	list := "\ufeff# the team\r\n\r\n  " + strings.ToUpper(junctiontest.DefaultUserID) + "  # Ann\n" +
		"client:app#1\nclient:app-user-completed\nclient:app-user-completed\n"
	want := []string{junctiontest.DefaultUserID, "client:app#1", "client:app-user-completed"}
	name := filepath.Join(t.TempDir(), "users.txt")
	if err := os.WriteFile(name, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{name, "-"} {
		c := newConsole(strings.NewReader(list), &bytes.Buffer{}, &bytes.Buffer{}, nil)
		command := refreshCommand{Users: want[:1], File: file}
		users, err := command.users(c)
		if err != nil || strings.Join(users, " ") != strings.Join(want, " ") {
			t.Errorf("%q, %v", users, err)
		}
	}
	localWith(t, "# nobody\n", nil, "refresh", "-f", "-").mustExit(t, exitUsage)
	localWith(t, strings.Repeat("x", 1<<17), nil, "refresh", "-f", "-").mustExit(t, exitUsage)
}

func TestARetryableFailureKeepsItsCode(t *testing.T) {
	got := local(t, "refresh", "--fault", "429", junctiontest.DefaultUserID, "client:app-user-completed", "--config", "MAX_ATTEMPTS=1")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "rate_limited (retry in 1200 s)")
	if n := strings.Count(got.stdout, "rate_limited"); n != 2 {
		t.Errorf("%d users are rate_limited:\n%s", n, got.stdout)
	}
}

func TestRefreshPrintsOneJSONDocumentPerLine(t *testing.T) {
	got := local(t, "refresh", "--json", junctiontest.DefaultUserID, "client:nobody")
	got.mustExit(t, exitFailed)
	var users []string
	for line := range strings.Lines(got.stdout) {
		var row struct {
			User, Status string
			ErrorCode    string `json:"error_code"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		users = append(users, row.User+" "+row.Status+" "+row.ErrorCode)
	}
	if want := junctiontest.DefaultUserID + " partial |client:nobody failed user_not_found"; strings.Join(users, "|") != want {
		t.Errorf("%q, want %q", users, want)
	}
}

func TestATerminalShowsTheProgress(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := newConsole(strings.NewReader(""), &stdout, &stderr, nil)
	c.stderr.terminal = true
	command := refreshCommand{Users: []string{junctiontest.CompletedUserID, junctiontest.DefaultUserID}, Concurrency: 1}
	if err := command.Run(t.Context(), c, &Globals{Speed: 1, LambdaTimeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	mustContain(t, stderr.String(), "refreshing")
	mustNotContain(t, stdout.String(), "refreshing")
}

func TestUsersThatWereNotRefreshedBeforeCtrlCAreInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if status := run(ctx, []string{"refresh", "a", "b"}, strings.NewReader(""), &stdout, &stderr, nil); status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	mustContain(t, stdout.String(), "2 failed")
	if n := strings.Count(stdout.String(), "interrupted"); n != 2 {
		t.Errorf("%d users are interrupted", n)
	}
}

func TestAUserWhoseInvocationTimesOutFails(t *testing.T) {
	f := &function{lambda: awstest.Lambda{Timeout: time.Millisecond, Handler: stub(func(ctx context.Context, _ []byte) ([]byte, error) {
		select {}
	})}}
	if got := f.refresh(t.Context(), "a"); got.Status != result.Failed || got.ErrorCode != "timed_out" || !strings.Contains(got.Error, "Task timed out") {
		t.Errorf("%+v", got)
	}
}

func TestAnIDThatCouldDisturbATerminalIsQuoted(t *testing.T) {
	for id, want := range map[string]string{"client:a\x1b[2Jb": `"client:a\x1b[2Jb"`, "client:Jörg 7": "client:Jörg 7"} {
		t.Run(want, func(t *testing.T) {
			if got := printable(id); got != want {
				t.Errorf("printed as %s, want %s", got, want)
			}
		})
	}
}
