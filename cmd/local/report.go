package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// report runs one event and shows what happened, or the answer alone; with a queue, what is done later
// too. It returns errFailed where the answer is a failure to the event's sender, or a later one is.
func report(ctx context.Context, c *console, g *Globals, event []byte, answerOnly bool, later *flow) error {
	f, err := open(c, g, true, later)
	if err != nil {
		return err
	}
	defer f.close()
	began := time.Now()
	a, err := f.invoke(ctx, event)
	if err != nil {
		return err
	}
	if answerOnly {
		c.stdout.printf("%s\n", a.payload)
	} else {
		printIn(c.stdout, event, f.log.all())
		printSent(c.stdout, f)
		printBack(c.stdout, a)
	}
	succeeded := a.succeeded()
	if later != nil {
		if err := later.drain(ctx, f); err != nil {
			return err
		}
		summary := c.stdout
		if answerOnly {
			summary = c.stderr
		}
		succeeded = later.conclude(summary, time.Since(began)) && succeeded
	}
	if !succeeded {
		return errFailed
	}
	return nil
}

// conclude shows what the queue came to, and says whether all of it is well.
func (f *flow) conclude(s *screen, took time.Duration) bool {
	done, left := f.tally(), f.queue.Len()
	s.printf("\n%s", done.summary(s, took))
	if f.again > 0 {
		s.printf(", %d to be tried again", f.again)
	}
	s.printf("\n")
	if left > 0 {
		s.printf("%s still queued, and waiting to come back\n", counted(left, "message"))
	}
	return done.failed == 0 && left == 0
}

// succeeded says whether the event's sender was served: see the help of invoke.
func (a answer) succeeded() bool {
	var body struct {
		StatusCode        int                  `json:"statusCode"`
		Body              string               `json:"body"`
		Success           *bool                `json:"success"`
		Summary           struct{ Failed int } `json:"summary"`
		BatchItemFailures []json.RawMessage    `json:"batchItemFailures"`
	}
	if a.errored || json.Unmarshal(a.payload, &body) != nil || body.StatusCode >= http.StatusBadRequest {
		return false
	}
	if body.StatusCode != 0 {
		return answer{payload: []byte(body.Body)}.succeeded()
	}
	return (body.Success == nil || *body.Success) && body.Summary.Failed == 0 && len(body.BatchItemFailures) == 0
}
