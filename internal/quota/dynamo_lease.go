package quota

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

// dynamoLease implements refresh.Lease. owner is its random name in the table.
type dynamoLease struct {
	*Dynamo
	userID, owner string
	ask, tell     time.Duration // how long to wait for the table
	calls         int           // how many calls were asked for
	unconfirmed   bool          // the table has not confirmed each of them
	together      bool          // its end is written together with those of others

	decided  chan struct{} // closed when the table has decided, or cannot
	decision refresh.Decision
	err      error
}

// Again implements refresh.Lease: one round trip.
func (l *dynamoLease) Again(ctx context.Context, until time.Time) (allowed bool, err error) {
	l.calls++
	n, answer := l.calls, make(chan bool, 1)
	err = l.question(ctx, l.ask, func(ctx context.Context) error {
		select {
		case <-l.decided:
		case <-ctx.Done():
			return errLate
		}
		allowed, err := l.again(ctx, n, until)
		answer <- allowed
		return err
	})
	l.unconfirmed = l.unconfirmed || err != nil
	return err == nil && <-answer, err
}

// again asks for the nth call of a lease that the table has decided about.
func (l *dynamoLease) again(ctx context.Context, n int, until time.Time) (bool, error) {
	if l.err == nil && l.decision.Kind != refresh.Granted {
		return false, nil
	}
	// The lease may have ended, as long as nobody else has taken it.
	in := l.addCall(n, l.now().Round(0), until)
	require(in, "#owner = :owner AND lease_calls < :n") // an answer can be lost, and the SDK repeats the write
	refused, err := l.update(ctx, in)
	switch {
	case err != nil, refused == nil:
		return err == nil, err
	case refused.owner != l.owner:
		return false, l.err // the table could not be reached for the first call either, or the lease is lost
	}
	return refused.leaseCalls == int64(n), nil // the SDK repeated a write whose answer was lost
}

// Done implements refresh.Lease: one round trip. If the table has not decided about the lease yet, the write
// follows when it has: a lease that is granted after its end would lock the user until it ends by itself.
func (l *dynamoLease) Done(ctx context.Context, out result.Result, calls []refresh.Call) error {
	end := l.end(out, calls)
	return l.within(context.WithoutCancel(ctx), l.tell, func(ctx context.Context) error {
		select {
		case <-l.decided:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.err == nil && l.decision.Kind != refresh.Granted {
			return nil
		}
		if l.together {
			return l.ends.write(ctx, end)
		}
		_, err := l.update(ctx, end)
		return err
	})
}

// end returns the write that ends the lease.
func (l *dynamoLease) end(out result.Result, calls []refresh.Call) *dynamodb.UpdateItemInput {
	now := l.now().Round(0)
	set, values := "", map[string]types.AttributeValue{":owner": text(l.owner)}
	if stored := l.rules.encode(out); stored != nil {
		set = "SET #result = :result, result_at = :at, result_of = :of "
		values[":result"], values[":at"], values[":of"] = text(string(stored)), number(now.UnixMilli()), text(out.RequestID)
	}
	if closed := l.rules.closes(out, now); closed > 0 {
		set = "SET closed_until = :closed, expires_at = :expires "
		values[":closed"] = number(closed)
		values[":expires"] = number(max(closed/1000, now.Add(l.rules.keeps()).Unix()) + 60)
	}
	remove := "REMOVE lease_until, lease_calls, #owner, " + l.surplus
	if l.unconfirmed { // which of the user's calls is which is not known
		calls = nil
	}
	for _, i := range notSent(calls) {
		if i < l.keep() {
			remove += ", " + element(i)
		}
	}
	// If the condition fails, the lease ended by itself, and another instance may have it.
	return newUpdate(l.userID, set+remove, "#owner = :owner", values)
}
