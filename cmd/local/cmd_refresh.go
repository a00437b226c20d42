package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// refreshCommand refreshes many users.
type refreshCommand struct {
	Users       []string `arg:"" optional:"" name:"user" help:"Junction user IDs, or client:ID for the app's own."`
	File        string   `short:"f" placeholder:"FILE" help:"Read more users from a file, one per line; - is standard input. A # at the beginning of a line or after a space begins a comment."`
	Concurrency int      `default:"10" help:"How many users are refreshed at once."`
	JSON        bool     `name:"json" help:"Print one result per line instead of the table."`
	Follow      bool     `help:"Then look at each user's sources until they have ended, and say whether the refresh moved their last_attempt at Junction."`
}

// Help is shown by kong.
func (refreshCommand) Help() string {
	return `Each user is one invocation of the function with a direct document. A user named twice is refreshed once.
The table is written to standard output at the end, in the order of the users; a terminal shows the progress.

With --follow a refresh is watched to its end, by the function's own rule: it reads each source's last_attempt
(GET /v2/introspect/resources, which costs none of the 8 refreshes) before the refresh, after it, and after each pause
of FOLLOW_UP, and a running source has ended once its last_attempt is newer than the refresh. Standard error has a line
per source as its last_attempt moves. The end says how each refresh ended, how long that took, and in one sentence
whether the refresh moved any last_attempt: Junction's documentation suggests it, and --live is the way to find out.
Take a --timeout of 5, so that sources are still running at the answer, and a user whom nothing else refreshes now:
Junction's own polling moves last_attempt too. With --live this takes up to 18 min 30 s, or what --config FOLLOW_UP
says; Ctrl-C ends it early and prints what is known.

Exit status: 1 if any user's refresh failed. One that is partial or in progress did not fail. With --follow also 1 if
a refresh is still in progress at the end, or if no last_attempt has moved.

Examples:

	go run ./cmd/local refresh 1449752e-0d8a-40e0-9206-91ab099b2537 client:app-user-completed
	seq -f 'client:generated-user-%g' 0 99 | go run ./cmd/local refresh -f -
	go run ./cmd/local refresh -f users.txt --fault 503:20 --concurrency 50
	go run ./cmd/local refresh -f users.txt --json | jq -r 'select(.retryable) | .user'
	go run ./cmd/local refresh --follow --timeout 5 client:app-user-slow
	JUNCTION_API_KEY=... go run ./cmd/local refresh --live --timeout 30 -f users.txt
	JUNCTION_API_KEY=... go run ./cmd/local refresh --live --follow --timeout 5 USER`
}

// Validate is called by kong.
func (r *refreshCommand) Validate() error {
	if r.Concurrency < 1 {
		return usageError("--concurrency must be 1 or more")
	}
	return nil
}

// Run refreshes the users. It returns errFailed if one fails.
func (r *refreshCommand) Run(ctx context.Context, c *console, g *Globals) error {
	users, err := r.users(c)
	if err != nil {
		return err
	}
	f, err := open(c, g, nil)
	if err != nil {
		return err
	}
	defer f.close()
	one := f.outcome
	if r.Follow {
		w, err := newWatcher(c, f)
		if err != nil {
			return err
		}
		one = w.outcome
	}

	began := time.Now()
	bar := progressbar.NewOptions(len(users), progressbar.OptionSetWriter(c.stderr.asIs()),
		progressbar.OptionSetVisibility(c.stderr.terminal && !r.Follow), progressbar.OptionSetDescription("refreshing"),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(40), progressbar.OptionClearOnFinish())
	outcomes := make([]outcome, len(users))
	var workers errgroup.Group
	workers.SetLimit(r.Concurrency)
	for i, user := range users {
		workers.Go(func() error {
			outcomes[i] = one(ctx, user)
			return bar.Add(1)
		})
	}
	_ = workers.Wait() // an error of the bar: the terminal is gone
	_ = bar.Finish()

	t := count(outcomes)
	if r.JSON {
		for _, o := range outcomes {
			c.stdout.printf("%s\n", encode(o))
		}
	} else {
		printTable(c.stdout, outcomes)
		c.stdout.printf("\n%s\n", t.summary(c.stdout, time.Since(began)))
	}
	if r.Follow {
		out := c.stdout
		if r.JSON {
			out = c.stderr
		}
		if !printVerdict(out, outcomes, g.Live) {
			return errFailed
		}
	}
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

// outcome is what became of a user, as the command line named the user.
type outcome struct {
	User string `json:"user"`
	result.Result
	Watched *watched `json:"watched,omitempty"` // with --follow, if Junction accepted the refresh
}

// outcome refreshes a user.
func (f *function) outcome(ctx context.Context, user string) outcome {
	return outcome{User: user, Result: f.refresh(ctx, user)}
}

// refresh invokes the function for one user and returns the result that it reports. If it reports none, as
// when it is killed at its deadline, that is a failed result too.
func (f *function) refresh(ctx context.Context, user string) result.Result {
	if ctx.Err() != nil {
		return failed("interrupted", errInterrupted)
	}
	ctx, r := record(ctx)
	_, err := f.invoke(ctx, directDocument(user))
	_, results := r.recorded()
	switch {
	case len(results) == 1:
		return results[0]
	case errors.Is(err, errInterrupted):
		return failed("interrupted", err)
	}
	return failed("timed_out", err)
}

// directDocument returns the event that refreshes a user.
func directDocument(user string) []byte {
	if id, ok := strings.CutPrefix(user, clientPrefix); ok {
		return encode(map[string]string{"client_user_id": id})
	}
	return encode(map[string]string{"user_id": user})
}

// failed returns the result of a refresh that the function did not finish.
func failed(code result.Code, err error) result.Result {
	return result.FromFailure("", result.Fail(code, err.Error()))
}
