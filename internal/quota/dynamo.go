package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http/httptrace"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// tableTimeout is how long a refresh waits for one decision of the table, retries included, from when its
	// request is on a connection: the quota must not delay what it is there to help.
	tableTimeout = 300 * time.Millisecond
	// connectTimeout is how long it waits for that connection. A burst of refreshes with a small share of a
	// processor needs time for its handshakes, which says nothing about the table.
	connectTimeout = 2 * time.Second
	// patientTimeout takes the place of tableTimeout and doneTimeout if nobody waits for the refresh. With a
	// small share of a processor, an answer that has long arrived may not have been read any sooner.
	patientTimeout = 2 * time.Second
	// maxQuestions is how many decisions are asked for at once: more would only wait for the processor and for
	// connections.
	maxQuestions = 16
	// doneTimeout is how long it waits for the write after a call. It and the write that remembers a delivery
	// fit into the half second between the end of a call and the caller's timeout.
	doneTimeout = 200 * time.Millisecond
	// lateTimeout is how long a write goes on after nobody waits for it any more, and maxLate is how many do.
	// Each keeps a connection.
	lateTimeout = 5 * time.Second
	maxLate     = 64
	// warmTimeout bounds the first connection, which is opened before any request waits for it.
	warmTimeout = 5 * time.Second
	// skew is how far apart the clocks of two instances may be. A call leaves the window this much later, so
	// that a fast clock does not allow a ninth call.
	skew = time.Second
	// spare is how many calls beyond Limit an item may hold before it is tidied: a lease that ended by itself
	// leaves its calls for the next Done to remove.
	spare = 32
)

// Table is the part of DynamoDB's API that the quota needs.
type Table interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	BatchExecuteStatement(context.Context, *dynamodb.BatchExecuteStatementInput, ...func(*dynamodb.Options)) (*dynamodb.BatchExecuteStatementOutput, error)
}

// Dynamo keeps the quota of all instances in a DynamoDB table with the key "pk" (a string) and the TTL
// attribute "expires_at". It implements refresh.Gate and is safe for concurrent use.
//
// A user is one item. A call is granted by one conditional write, without a read: the list of calls has the
// newest at its head, so a condition on one element decides whether the Limit-th newest has left the window.
// If the condition fails, the answer contains the item, which says why.
type Dynamo struct {
	rules Rules
	table func() (Table, error)
	name  string
	now   func() time.Time

	surplus string // surplus(keep)

	ask, tell time.Duration // tableTimeout and doneTimeout
	asking    chan struct{} // has an element for each question that is being asked
	late      chan struct{} // has an element for each write that goes on although nobody waits for it
	ends      ends
}

// NewDynamo returns a gate that keeps its state in the table with a name. client is called at the first
// use.
func NewDynamo(rules Rules, client func() (Table, error), name string) *Dynamo {
	d := &Dynamo{rules: rules, table: client, name: name, now: time.Now, ask: tableTimeout, tell: doneTimeout,
		asking: make(chan struct{}, maxQuestions), late: make(chan struct{}, maxLate)}
	d.surplus = surplus(d.keep())
	d.ends.table, d.ends.wait = d, endsWait
	return d
}

// Enter implements refresh.Gate: one round trip, unless an item has to be tidied first. With an error it
// returns the lease that the table may grant yet.
func (d *Dynamo) Enter(ctx context.Context, entry refresh.Entry) (refresh.Decision, error) {
	l := &dynamoLease{Dynamo: d, userID: entry.UserID, owner: rand.Text(), calls: 1, ask: d.ask, tell: d.tell, decided: make(chan struct{})}
	if entry.CanWait {
		l.ask, l.tell = max(l.ask, patientTimeout), max(l.tell, patientTimeout)
	}
	err := d.question(ctx, l.ask, func(ctx context.Context) error {
		defer close(l.decided)
		l.decision, l.err = l.enter(ctx, entry)
		return l.err
	})
	if err != nil {
		return refresh.Decision{Lease: l}, err
	}
	if entry.CanWait && l.decision.Kind == refresh.Granted {
		l.together = true
		d.ends.expect()
	}
	return l.decision, nil
}

// enter asks the table for the lease until the table decides.
func (l *dynamoLease) enter(ctx context.Context, entry refresh.Entry) (refresh.Decision, error) {
	now, rules := l.now().Round(0), l.skewed().accepting(entry.MaxAge)
	for tidied := false; ; tidied = true {
		refused, err := l.grant(ctx, rules, now, entry.Until)
		switch {
		case err != nil:
			return refresh.Decision{}, err
		case refused == nil, refused.owner == l.owner: // the SDK repeated a write whose answer was lost
			return refresh.Decision{Kind: refresh.Granted, Lease: l}, nil
		}
		decision := rules.decide(refused.state, l.userID, now)
		if decision.Kind != refresh.Granted {
			return decision, nil
		}
		if tidied {
			return refresh.Decision{Kind: refresh.Denied, RetryAfter: time.Second}, nil
		}
		if err := l.tidy(ctx, refused, now); err != nil {
			return refresh.Decision{}, err
		}
	}
}

// Settle implements refresh.Gate: one round trip.
func (d *Dynamo) Settle(ctx context.Context, out result.Result) error {
	stored := d.rules.encodeEnd(out)
	if stored == nil {
		return nil
	}
	return d.within(context.WithoutCancel(ctx), d.tell, func(ctx context.Context) error {
		values := map[string]types.AttributeValue{":result": text(string(stored)), ":of": text(out.RequestID)}
		// If the condition fails, there is a later refresh.
		_, err := d.update(ctx, newUpdate(out.UserID, "SET #result = :result", "result_of = :of", values))
		return err
	})
}

// State implements refresh.Gate: one consistent read.
func (d *Dynamo) State(ctx context.Context, userID string) (result.State, error) {
	s, err := d.get(ctx, "user#"+userID, d.ask)
	if err != nil {
		return result.State{}, err
	}
	return d.skewed().state(s, userID, d.now().Round(0)), nil
}

// Warm reads an item that does not exist, so that the first decision does not wait for a connection. Whether it
// succeeds does not matter.
func (d *Dynamo) Warm(ctx context.Context) { _, _ = d.get(ctx, "warm", warmTimeout) }

// get makes a consistent read.
func (d *Dynamo) get(ctx context.Context, pk string, wait time.Duration) (state, error) {
	table, err := d.table()
	if err != nil {
		return state{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	in := &dynamodb.GetItemInput{TableName: &d.name, Key: key(pk), ConsistentRead: aws.Bool(true)}
	out, err := table.GetItem(ctx, in)
	if err != nil {
		return state{}, err
	}
	return read(out.Item), nil
}

// skewed returns the rules with the window as the table applies it.
func (d *Dynamo) skewed() Rules {
	r := d.rules
	r.Window += skew
	return r
}

// keep is how many calls of a user are kept.
func (d *Dynamo) keep() int { return max(d.rules.Limit, 1) }

// question asks the table something, once few others do, and waits for the answer from when the request is on
// a connection.
func (d *Dynamo) question(ctx context.Context, wait time.Duration, ask func(context.Context) error) error {
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
	case <-ctx.Done():
		return errLate
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(connectTimeout, cancel)
	defer timer.Stop()
	connected := sync.OnceFunc(func() { timer.Reset(wait) })
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected() }})
	return d.within(ctx, connectTimeout+wait, ask)
}

// within does f, and waits for it. If that takes longer than wait, or ctx ends, f goes on in the background,
// up to lateTimeout: a write that was sent may be made at any time, and its outcome must be known. If too
// many go on already, f is canceled.
func (d *Dynamo) within(ctx context.Context, wait time.Duration, f func(context.Context) error) error {
	background, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateTimeout)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- f(background)
	}()
	ctx, stop := context.WithTimeout(ctx, wait)
	defer stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case d.late <- struct{}{}:
		go func() {
			<-background.Done()
			<-d.late
		}()
	default:
		cancel()
	}
	return errLate
}

// errLate says that the table has not answered in time.
var errLate = errors.New("the table has not answered in time")
