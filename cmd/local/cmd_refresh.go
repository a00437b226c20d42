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
}

// Help is shown by kong.
func (refreshCommand) Help() string {
	return `Each user is one invocation of the function with a direct document. A user named twice is refreshed once.
The table is written to standard output at the end, in the order of the users; a terminal shows the progress.

Exit status: 1 if any user's refresh failed. One that is partial or in progress did not fail.

Examples:

	go run ./cmd/local refresh 1449752e-0d8a-40e0-9206-91ab099b2537 client:app-user-completed
	seq -f 'client:generated-user-%g' 0 99 | go run ./cmd/local refresh -f -
	go run ./cmd/local refresh -f users.txt --fault 503:20 --concurrency 50
	go run ./cmd/local refresh -f users.txt --json | jq -r 'select(.retryable) | .user'
	JUNCTION_API_KEY=... go run ./cmd/local refresh --live --timeout 30 -f users.txt`
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

	began := time.Now()
	bar := progressbar.NewOptions(len(users), progressbar.OptionSetWriter(c.stderr.asIs()),
		progressbar.OptionSetVisibility(c.stderr.terminal), progressbar.OptionSetDescription("refreshing"),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(40), progressbar.OptionClearOnFinish())
	outcomes := make([]outcome, len(users))
	var workers errgroup.Group
	workers.SetLimit(r.Concurrency)
	for i, user := range users {
		workers.Go(func() error {
			outcomes[i] = outcome{user, f.refresh(ctx, user)}
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
	if t.failed > 0 {
		return errFailed
	}
	return nil
}

// outcome is what became of a user, as the command line named the user.
type outcome struct {
	User string `json:"user"`
	result.Result
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
