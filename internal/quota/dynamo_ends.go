package quota

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// maxEnds is how many statements a BatchExecuteStatement takes:
	// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html.
	maxEnds = 25
	// endsWait is how long an end waits for others.
	endsWait = 100 * time.Millisecond
)

// ends writes the ends of leases together, of refreshes that can wait: the refreshes of a batch often end at the
// same time, and most of the processor time of a write is that of its call.
type ends struct {
	table *Dynamo
	wait  time.Duration // endsWait

	mu   sync.Mutex
	open int       // leases whose end is expected
	next *endsCall // the call that collects ends now, or nil
}

// endsCall is a call for several ends, and their errors once it is over.
type endsCall struct {
	writes []*dynamodb.UpdateItemInput
	errs   []error
	over   chan struct{}
}

// expect announces the end of a lease.
func (e *ends) expect() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open++
}

// write makes the write, which was expected, together with others, and returns its error.
func (e *ends) write(ctx context.Context, in *dynamodb.UpdateItemInput) error {
	e.mu.Lock()
	e.open--
	call := e.next
	if call == nil {
		call = &endsCall{over: make(chan struct{})}
		e.next = call
		time.AfterFunc(e.wait, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.send(call)
		})
	}
	n := len(call.writes)
	call.writes = append(call.writes, in)
	if n+1 == maxEnds || e.open == 0 { // nobody else can come
		e.send(call)
	}
	e.mu.Unlock()
	select {
	case <-call.over:
		return call.errs[n]
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send makes a call that still collects. mu is locked.
func (e *ends) send(call *endsCall) {
	if e.next != call {
		return
	}
	e.next = nil
	go func() {
		defer close(call.over)
		ctx, cancel := context.WithTimeout(context.Background(), lateTimeout)
		defer cancel()
		call.errs = e.table.updateAll(ctx, call.writes)
	}()
}

// updateAll makes writes to items of several users with one call, and returns their errors. What that call has not
// settled, for whatever reason, gets a call of its own.
func (d *Dynamo) updateAll(ctx context.Context, writes []*dynamodb.UpdateItemInput) []error {
	errs := make([]error, len(writes))
	settled := d.execute(ctx, writes)
	var rest sync.WaitGroup
	for n, in := range writes {
		if !settled[n] {
			rest.Go(func() { _, errs[n] = d.update(ctx, in) })
		}
	}
	rest.Wait()
	return errs
}

// execute makes writes with one call, and reports which are settled: made, or refused by their conditions. A single
// write is not worth it.
func (d *Dynamo) execute(ctx context.Context, writes []*dynamodb.UpdateItemInput) (settled []bool) {
	settled = make([]bool, len(writes))
	table, err := d.table()
	if err != nil || len(writes) == 1 {
		return settled
	}
	statements := make([]types.BatchStatementRequest, len(writes))
	for n, in := range writes {
		statements[n] = d.statement(in)
	}
	once := func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 } // updateAll repeats what fails
	out, err := table.BatchExecuteStatement(ctx, &dynamodb.BatchExecuteStatementInput{Statements: statements}, once)
	if err != nil {
		return settled
	}
	for n, answer := range out.Responses[:min(len(out.Responses), len(writes))] {
		settled[n] = answer.Error == nil || answer.Error.Code == types.BatchStatementErrorCodeEnumConditionalCheckFailed
	}
	return settled
}

// statement returns a write in PartiQL, where each action has its keyword, and values have a place instead of a name. The
// write must be of the form SET a = :b, c = :d REMOVE e, f.
func (d *Dynamo) statement(in *dynamodb.UpdateItemInput) types.BatchStatementRequest {
	set, remove, _ := strings.Cut(*in.UpdateExpression, "REMOVE ")
	named := strings.Split(quoted.Replace(`UPDATE "`+d.name+`" `+strings.ReplaceAll(set, ", ", " SET ")+
		"REMOVE "+strings.ReplaceAll(remove, ", ", " REMOVE ")+" WHERE pk = :pk AND "+*in.ConditionExpression), ":")
	values := make([]types.AttributeValue, len(named)-1)
	for n, part := range named[1:] {
		name, rest, _ := strings.Cut(part, " ")
		named[n+1] = " " + rest
		values[n] = in.ExpressionAttributeValues[":"+name]
		if name == "pk" {
			values[n] = in.Key[name]
		}
	}
	return types.BatchStatementRequest{Statement: aws.String(strings.Join(named, "?")), Parameters: values}
}

// quoted replaces the names of reserved attributes by PartiQL's.
var quoted = strings.NewReplacer("#owner", `"owner"`, "#result", `"result"`)
