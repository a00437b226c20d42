package quota

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/junction-refresh/junction-refresh/internal/refresh"
	"github.com/junction-refresh/junction-refresh/internal/result"
)

const (
	// tableTimeout is how long a refresh waits for one decision of the table, retries included: the quota must
	// not delay what it is there to help.
	tableTimeout = 300 * time.Millisecond
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

	ask, tell time.Duration // tableTimeout and doneTimeout
	late      chan struct{} // has an element for each write that goes on although nobody waits for it
}

// NewDynamo returns a gate that keeps its state in the table with a name. client is called at the first
// use.
func NewDynamo(rules Rules, client func() (Table, error), name string) *Dynamo {
	return &Dynamo{rules: rules, table: client, name: name, now: time.Now, ask: tableTimeout, tell: doneTimeout, late: make(chan struct{}, maxLate)}
}

// Enter implements refresh.Gate: one round trip, unless an item has to be tidied first. With an error it
// returns the lease that the table may grant yet.
func (d *Dynamo) Enter(ctx context.Context, userID string, until time.Time) (refresh.Decision, error) {
	l := &dynamoLease{Dynamo: d, userID: userID, owner: rand.Text(), calls: 1, decided: make(chan struct{})}
	err := d.within(ctx, d.ask, func(ctx context.Context) error {
		defer close(l.decided)
		l.decision, l.err = d.enter(ctx, l, until)
		return l.err
	})
	if err != nil {
		return refresh.Decision{Lease: l}, err
	}
	return l.decision, nil
}

// enter asks the table for a lease until the table decides.
func (d *Dynamo) enter(ctx context.Context, l *dynamoLease, until time.Time) (refresh.Decision, error) {
	now := d.now().Round(0)
	for tidied := false; ; tidied = true {
		refused, err := d.grant(ctx, l.userID, l.owner, now, until)
		switch {
		case err != nil:
			return refresh.Decision{}, err
		case refused == nil, refused.owner == l.owner: // the SDK repeated a write whose answer was lost
			return refresh.Decision{Kind: refresh.Granted, Lease: l}, nil
		}
		decision := d.skewed().decide(refused.state, l.userID, now)
		if decision.Kind != refresh.Granted {
			return decision, nil
		}
		if tidied {
			return refresh.Decision{Kind: refresh.Denied, RetryAfter: time.Second}, nil
		}
		if err := d.tidy(ctx, l.userID, refused, now); err != nil {
			return refresh.Decision{}, err
		}
	}
}

// tidy rewrites an item whose condition refused a call that the rules allow. Either it is full of calls
// beyond Limit, which leases that ended by themselves leave behind, or it contains what cannot be true. What
// is left out here would be out of date anyway. If the item has changed, tidy leaves it as it is.
func (d *Dynamo) tidy(ctx context.Context, userID string, refused *refusal, now time.Time) error {
	calls := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, at := range d.skewed().plausible(refused.state, now).calls {
		calls.Value = append(calls.Value, number(at))
	}
	calls.Value = calls.Value[:min(len(calls.Value), d.keep())]
	in := &dynamodb.UpdateItemInput{
		Key:                       key("user#" + userID),
		UpdateExpression:          aws.String("SET #calls = :tidied REMOVE #lease_until, #closed_until, #result, #result_at"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames:  map[string]string{},
		ExpressionAttributeValues: map[string]types.AttributeValue{":tidied": calls},
	}
	for _, name := range []string{"calls", "lease_until", "closed_until", "result", "result_at"} {
		in.ExpressionAttributeNames["#"+name] = name
		if value, ok := refused.item[name]; ok {
			in.ExpressionAttributeValues[":"+name] = value
			require(in, "#"+name+" = :"+name)
		} else {
			require(in, "attribute_not_exists(#"+name+")")
		}
	}
	_, err := d.update(ctx, in)
	return err
}

// Warm opens a connection in the background during the function's start, so that the first decision does
// not wait for one. Whether it succeeds does not matter.
func (d *Dynamo) Warm() {
	go func() {
		table, err := d.table()
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
		defer cancel()
		_, _ = table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.name, Key: key("warm")})
	}()
}

// skewed returns the rules with the window as the table applies it.
func (d *Dynamo) skewed() Rules {
	r := d.rules
	r.Window += skew
	return r
}

// surplus lists the elements beyond Limit that a list of calls can have. They never matter.
func (d *Dynamo) surplus() string {
	var elements []string
	for i := d.keep(); i <= d.keep()+spare; i++ {
		elements = append(elements, "#calls["+strconv.Itoa(i)+"]")
	}
	return strings.Join(elements, ", ")
}

// grant counts a call and takes the lease if the rules allow it. Otherwise it returns the item's state.
func (d *Dynamo) grant(ctx context.Context, userID, owner string, now, until time.Time) (refused *refusal, err error) {
	in := d.addCall(userID, owner, 1, now, until)
	in.ExpressionAttributeValues[":now"] = number(now.UnixMilli())
	require(in, "(attribute_not_exists(#lease) OR #lease <= :now)")
	if d.rules.Coalesce > 0 {
		in.ExpressionAttributeNames["#at"] = "result_at"
		in.ExpressionAttributeValues[":stale"] = number(now.Add(-d.rules.Coalesce).UnixMilli())
		require(in, "(attribute_not_exists(#at) OR #at <= :stale)")
	}
	return d.try(ctx, in)
}

// extend counts one more call of a lease, its nth, and extends the lease if the rules allow it. The lease may
// have ended, as long as nobody else has taken it. Otherwise extend returns the item's state.
func (d *Dynamo) extend(ctx context.Context, userID, owner string, n int, now, until time.Time) (refused *refusal, err error) {
	in := d.addCall(userID, owner, n, now, until)
	require(in, "#owner = :owner AND #lease_calls < :n") // an answer can be lost, and the SDK repeats the write
	return d.try(ctx, in)
}

// addCall returns the write that counts a lease's nth call, with the conditions that apply to every call.
func (d *Dynamo) addCall(userID, owner string, n int, now, until time.Time) *dynamodb.UpdateItemInput {
	in := &dynamodb.UpdateItemInput{
		Key:                      key("user#" + userID),
		UpdateExpression:         aws.String("SET #calls = list_append(:call, if_not_exists(#calls, :none)), #owner = :owner, #lease_calls = :n, #lease = :until, #expires = :expires"),
		ConditionExpression:      aws.String("(attribute_not_exists(#calls) OR attribute_type(#calls, :list)) AND attribute_not_exists(#calls[" + strconv.Itoa(d.keep()+spare) + "])"),
		ExpressionAttributeNames: map[string]string{"#calls": "calls", "#owner": "owner", "#lease_calls": "lease_calls", "#lease": "lease_until", "#expires": "expires_at"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":call": &types.AttributeValueMemberL{Value: []types.AttributeValue{number(now.UnixMilli())}}, ":none": &types.AttributeValueMemberL{}, ":list": text("L"),
			":owner": text(owner), ":n": number(int64(n)), ":until": number(until.UnixMilli()), ":expires": number(until.Add(d.rules.keeps()).Unix() + 60),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if d.rules.Limit > 0 {
		last := "#calls[" + strconv.Itoa(d.rules.Limit-1) + "]"
		in.ExpressionAttributeNames["#closed"] = "closed_until"
		in.ExpressionAttributeValues[":now"] = number(now.UnixMilli())
		in.ExpressionAttributeValues[":window"] = number(now.Add(-d.skewed().Window).UnixMilli())
		require(in, "(attribute_not_exists("+last+") OR "+last+" <= :window)")
		require(in, "(attribute_not_exists(#closed) OR #closed <= :now)")
	}
	return in
}

// require adds a condition to a write.
func require(in *dynamodb.UpdateItemInput, condition string) {
	*in.ConditionExpression += " AND " + condition
}

// try makes a write. If its conditions do not hold, it returns the item's state.
func (d *Dynamo) try(ctx context.Context, in *dynamodb.UpdateItemInput) (refused *refusal, err error) {
	failed, err := d.update(ctx, in)
	if failed == nil {
		return nil, err
	}
	return &refusal{read(failed.Item), failed.Item}, err
}

// refusal is the item whose condition did not allow a call.
type refusal struct {
	state
	item map[string]types.AttributeValue
}

// keep is how many calls of a user are kept.
func (d *Dynamo) keep() int { return max(d.rules.Limit, 1) }

// dynamoLease implements refresh.Lease. owner is its random name in the table.
type dynamoLease struct {
	*Dynamo
	userID, owner string
	calls         int  // how many calls were asked for
	unconfirmed   bool // the table has not confirmed each of them

	decided  chan struct{} // closed when the table has decided, or cannot
	decision refresh.Decision
	err      error
}

// Again implements refresh.Lease: one round trip.
func (l *dynamoLease) Again(ctx context.Context, until time.Time) (allowed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.ask)
	defer cancel()
	l.calls++
	select {
	case <-l.decided:
		allowed, err = l.again(ctx, until)
	case <-ctx.Done():
		err = errLate
	}
	l.unconfirmed = l.unconfirmed || err != nil
	return allowed, err
}

// again asks for a further call of a lease that the table has decided about.
func (l *dynamoLease) again(ctx context.Context, until time.Time) (bool, error) {
	if l.err == nil && l.decision.Kind != refresh.Granted {
		return false, nil
	}
	refused, err := l.extend(ctx, l.userID, l.owner, l.calls, l.now().Round(0), until)
	switch {
	case err != nil, refused == nil:
		return err == nil, err
	case refused.owner != l.owner:
		return false, l.err // the table could not be reached for the first call either, or the lease is lost
	}
	return refused.leaseCalls == int64(l.calls), nil // the SDK repeated a write whose answer was lost
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
		_, err := l.update(ctx, end)
		return err
	})
}

// end returns the write that ends the lease.
func (l *dynamoLease) end(out result.Result, calls []refresh.Call) *dynamodb.UpdateItemInput {
	now := l.now().Round(0)
	set, names := "", map[string]string{"#owner": "owner", "#lease_calls": "lease_calls", "#lease": "lease_until", "#calls": "calls"}
	values := map[string]types.AttributeValue{":owner": text(l.owner)}
	if stored := l.rules.encode(out); stored != nil {
		set = "SET #result = :result, #at = :at "
		names["#result"], names["#at"] = "result", "result_at"
		values[":result"], values[":at"] = text(string(stored)), number(now.UnixMilli())
	}
	if closed := l.rules.closes(out, now); closed > 0 {
		set = "SET #closed = :closed, #expires = :expires "
		names["#closed"], names["#expires"] = "closed_until", "expires_at"
		values[":closed"] = number(closed)
		values[":expires"] = number(max(closed/1000, now.Add(l.rules.keeps()).Unix()) + 60)
	}
	remove := "REMOVE #lease, #lease_calls, #owner, " + l.surplus()
	if l.unconfirmed { // which of the user's calls is which is not known
		calls = nil
	}
	for _, i := range notSent(calls) {
		if i < l.keep() {
			remove += ", #calls[" + strconv.Itoa(i) + "]"
		}
	}
	// If the condition fails, the lease ended by itself, and another instance may have it.
	return &dynamodb.UpdateItemInput{
		Key:                       key("user#" + l.userID),
		UpdateExpression:          aws.String(set + remove),
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
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

// update makes a conditional write. A condition that does not hold is returned as failed, not as an error.
func (d *Dynamo) update(ctx context.Context, in *dynamodb.UpdateItemInput) (failed *types.ConditionalCheckFailedException, err error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	in.TableName = &d.name
	if _, err = table.UpdateItem(ctx, in); errors.As(err, &failed) {
		return failed, nil
	}
	return nil, err
}

// read decodes an item. What is missing or of another type is zero.
func read(item map[string]types.AttributeValue) state {
	s := state{
		owner: textOf(item["owner"]), leaseUntil: numberOf(item["lease_until"]), leaseCalls: numberOf(item["lease_calls"]),
		closedUntil: numberOf(item["closed_until"]), resultAt: numberOf(item["result_at"]),
	}
	if stored := textOf(item["result"]); stored != "" {
		s.result = []byte(stored)
	}
	if list, ok := item["calls"].(*types.AttributeValueMemberL); ok {
		for _, v := range list.Value {
			s.calls = append(s.calls, numberOf(v))
		}
	}
	return s
}

func key(pk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": text(pk)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func numberOf(v types.AttributeValue) int64 {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		i, _ := strconv.ParseInt(n.Value, 10, 64)
		return i
	}
	return 0
}
