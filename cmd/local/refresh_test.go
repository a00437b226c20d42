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

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

func TestManyUsersEndInATableASummaryAndAStatus(t *testing.T) {
	got := local(t, "refresh", "--speed", "100000", junctiontest.DefaultUserID, junctiontest.SlowUserID,
		"client:"+junctiontest.CompletedClientUserID, junctiontest.NoSourcesUserID, "not-an-id", "client:nobody")
	got.mustExit(t, exitFailed)
	lines := strings.Split(strings.TrimRight(got.stdout, "\n"), "\n")
	want := []string{
		"USER STATUS REFRESHED IN PROGRESS FAILED ERROR",
		junctiontest.DefaultUserID + " partial 3 0 1",
		junctiontest.SlowUserID + " in_progress 0 2 0",
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
	mustContain(t, lines[len(lines)-1], "6 users in ", ": 1 completed, 1 in progress, 1 partial, 3 failed")
	if got.stderr != "" {
		t.Errorf("standard error, which is no terminal, has %q", got.stderr)
	}
}

func TestARefreshThatFailsForNobodySucceeds(t *testing.T) {
	got := local(t, "refresh", junctiontest.CompletedUserID)
	got.mustExit(t, exitOK)
	mustContain(t, got.stdout, "1 user in ", "1 completed, 0 in progress, 0 partial, 0 failed")
}

func TestUsersAreReadFromAFileAndStandardInputOnce(t *testing.T) {
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

func TestAFailureThatCanBeRetriedKeepsItsCode(t *testing.T) {
	got := local(t, "refresh", "--fault", "429", junctiontest.DefaultUserID, "client:app-user-completed", "--config", "MAX_ATTEMPTS=1")
	got.mustExit(t, exitFailed)
	mustContain(t, got.stdout, "rate_limited (again in 1200 s)")
	if n := strings.Count(got.stdout, "rate_limited"); n != 2 {
		t.Errorf("%d users are rate_limited:\n%s", n, got.stdout)
	}
}

func TestRefreshedUsersAsJSONAreOneALine(t *testing.T) {
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

func TestProgressIsShownOnATerminal(t *testing.T) {
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

func TestUsersNotReachedBeforeCtrlCAreInterrupted(t *testing.T) {
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

func TestAnErrorTypeBecomesItsCodeAgain(t *testing.T) {
	for errorType, code := range map[string]string{
		"RateLimited": "rate_limited", "UpstreamInvalidResponse": "upstream_invalid_response",
		"Internal": "internal", "Sandbox.Timedout": "sandbox_timedout",
	} {
		if got := snake(errorType); string(got) != code {
			t.Errorf("%s becomes %s, want %s", errorType, got, code)
		}
	}
}

func TestAnIDThatCouldDisturbATerminalIsQuoted(t *testing.T) {
	if got := printable("client:a\x1b[2Jb"); got != `"client:a\x1b[2Jb"` {
		t.Errorf("printed as %s", got)
	}
	if got := printable("client:Jörg 7"); got != "client:Jörg 7" {
		t.Errorf("printed as %s", got)
	}
}
