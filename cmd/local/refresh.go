package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"github.com/junction-refresh/junction-refresh/internal/result"
)

// refreshCommand refreshes many users.
type refreshCommand struct {
	Users       []string `arg:"" optional:"" name:"user" help:"Junction user IDs, or client:ID for the app's own."`
	File        string   `short:"f" placeholder:"FILE" help:"Read more users from a file, one a line; - is standard input. What follows a # at a line's beginning or after a space is a comment."`
	Concurrency int      `default:"10" help:"How many users are refreshed at once."`
	JSON        bool     `name:"json" help:"Print one result a line instead of the table."`
}

// Help is shown by kong.
func (refreshCommand) Help() string {
	return `Each user is one invocation of the function with a direct document. A user named twice is refreshed once.
The table is written to standard output at the end, in the order of the users; progress is shown on a terminal.

Exit status: 1 where any user's refresh failed. One that is partial or still going on did not.

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

// Run refreshes the users. It returns errFailed where one fails.
func (r *refreshCommand) Run(ctx context.Context, c *console, g *Globals) error {
	users, err := r.users(c)
	if err != nil {
		return err
	}
	f, err := open(c, g, false, nil)
	if err != nil {
		return err
	}
	defer f.close()

	began := time.Now()
	bar := progressbar.NewOptions(len(users), progressbar.OptionSetWriter(c.stderr),
		progressbar.OptionSetVisibility(c.stderr.terminal), progressbar.OptionSetDescription("refreshing"),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(40), progressbar.OptionClearOnFinish())
	outcomes := make([]outcome, len(users))
	var workers errgroup.Group
	workers.SetLimit(r.Concurrency)
	for i, user := range users {
		workers.Go(func() error {
			outcomes[i] = outcome{user, refreshOne(ctx, f, user)}
			return bar.Add(1)
		})
	}
	_ = workers.Wait() // the bar's errors: a terminal that is gone
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

// outcome is what became of a user, as the command line named it.
type outcome struct {
	User string `json:"user"`
	result.Result
}

// refreshOne invokes the function for one user. A Lambda error, or none of an invocation, becomes a
// failed result too.
func refreshOne(ctx context.Context, f *function, user string) result.Result {
	if ctx.Err() != nil {
		return failed("interrupted", errInterrupted.Error())
	}
	a, err := f.invoke(ctx, documentFor(user))
	if err != nil {
		return failed("interrupted", err.Error())
	}
	if a.errored {
		var e struct{ ErrorType, ErrorMessage string }
		_ = json.Unmarshal(a.payload, &e) // our own
		return failed(snake(e.ErrorType), e.ErrorMessage)
	}
	var many struct {
		result.Result
		Results []result.Result `json:"results"`
	}
	if err := json.Unmarshal(a.payload, &many); err != nil {
		return failed("", "the function's answer is no result")
	}
	if len(many.Results) == 1 {
		return many.Results[0]
	}
	return many.Result // the document was refused
}

// documentFor is the event that refreshes a user: for a Junction ID a list of one, since the answer to a
// list has a failure's whole result where the answer to one user is a Lambda error.
func documentFor(user string) []byte {
	if id, ok := strings.CutPrefix(user, clientPrefix); ok {
		return encode(map[string]string{"client_user_id": id})
	}
	return encode(map[string][]string{"user_ids": {user}})
}

func failed(code result.Code, message string) result.Result {
	return result.FromFailure("", &result.Failure{Code: code, Message: message})
}

// snake turns a Lambda error's type back into the code that it was made of.
func snake(errorType string) result.Code {
	var b strings.Builder
	for i, r := range strings.ReplaceAll(errorType, ".", "") { // Lambda's own have a dot
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return result.Code(b.String())
}
