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
	// tableTimeout bounds one question to the table with its retries: the quota must not hold up what it
	// is there to help. Past it the call is made anyway.
	tableTimeout = 300 * time.Millisecond
	// doneTimeout bounds each of the two writes after a call: both fit into the half second that a call is
	// cut off before anybody gives up.
	doneTimeout = 200 * time.Millisecond
	// warmTimeout bounds the first connection, which is made before anybody waits for it.
	warmTimeout = 5 * time.Second
	// skew is how far apart the clocks of two instances may be. A call leaves the window this much
	// later, so that a fast clock opens it to no ninth call.
	skew = time.Second
	// spare is how many calls beyond Limit an item may hold before it is cut back: a lease that ended by
	// itself leaves its calls for the next Done to cut.
	spare = 32
)

// Table is the part of DynamoDB that the quota needs.
type Table interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// Dynamo keeps the quota of a fleet in a DynamoDB table with the key "pk" (a string) and the TTL
// attribute "expires_at". It implements refresh.Gate and is safe for concurrent use.
//
// A user is one item. A call is granted by one conditional write, without a read: the list of calls
// has the newest at its head, so that whether the Limit-th newest has left the window is a condition
// on one place in it. Where the condition fails, the answer brings the item along, and says why.
type Dynamo struct {
	rules Rules
	table func() (Table, error)
	name  string
	now   func() time.Time

	ask, tell time.Duration // tableTimeout and doneTimeout
}

// NewDynamo returns a gate that keeps its state in a table. client is asked for at the first use.
func NewDynamo(rules Rules, client func() (Table, error), name string) *Dynamo {
	return &Dynamo{rules: rules, table: client, name: name, now: time.Now, ask: tableTimeout, tell: doneTimeout}
}

// Enter implements refresh.Gate: one round trip, but for an item that has to be tidied first.
func (d *Dynamo) Enter(ctx context.Context, userID string, until time.Time) (refresh.Decision, error) {
	owner, now := rand.Text(), d.now().Round(0)
	ctx, cancel := context.WithTimeout(ctx, d.ask)
	defer cancel()
	for tidied := false; ; tidied = true {
		refused, err := d.call(ctx, userID, owner, now, until, true)
		switch {
		case err != nil:
			return refresh.Decision{}, err
		case refused == nil, refused.owner == owner: // the SDK repeats a write whose answer was lost, and meets it
			return refresh.Decision{Lease: &dynamoLease{Dynamo: d, userID: userID, owner: owner}}, nil
		}
		decision := d.skewed().decide(*refused, now)
		if decision.Coalesced != nil || decision.InFlight || decision.RetryAfter > 0 {
			return decision, nil
		}
		if tidied {
			return refresh.Decision{RetryAfter: time.Second}, nil
		}
		if err := d.tidy(ctx, userID, len(refused.calls)); err != nil {
			return refresh.Decision{}, err
		}
	}
}

// tidy cuts off the calls beyond Limit, which never matter. Leases that ended by themselves leave them
// behind, and an item that is full of them takes no further call.
func (d *Dynamo) tidy(ctx context.Context, userID string, calls int) error {
	_, err := d.update(ctx, &dynamodb.UpdateItemInput{
		Key:                      key("user#" + userID),
		UpdateExpression:         aws.String("REMOVE " + d.surplus(calls)),
		ConditionExpression:      aws.String("attribute_exists(#calls)"), // or the item is gone meanwhile
		ExpressionAttributeNames: map[string]string{"#calls": "calls"},
	})
	return err
}

// Warm makes the client and a connection in the background, so that they overlap with the function's
// start and the first question finds them within its time. Whether it succeeds does not matter.
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

// surplus names the places beyond Limit of a list of calls, and at least as many as there are without
// tidying. DynamoDB takes expressions of 4 KB: what is not named now is so the next time.
func (d *Dynamo) surplus(calls int) string {
	const most = 250
	var places []string
	for i := d.keep(); i <= min(max(calls, d.keep()+spare), d.keep()+most); i++ {
		places = append(places, "#calls["+strconv.Itoa(i)+"]")
	}
	return strings.Join(places, ", ")
}

// call counts a call, and takes or extends the lease. It returns the item as it stands where it may
// not.
func (d *Dynamo) call(ctx context.Context, userID, owner string, now, until time.Time, first bool) (*state, error) {
	ms := now.UnixMilli()
	names := map[string]string{"#calls": "calls", "#owner": "owner", "#lease": "lease_until", "#expires": "expires_at"}
	values := map[string]types.AttributeValue{
		":call": &types.AttributeValueMemberL{Value: []types.AttributeValue{number(ms)}}, ":none": &types.AttributeValueMemberL{},
		":owner": text(owner), ":until": number(until.UnixMilli()),
		":expires": number(until.Add(d.rules.keeps()).Unix() + 60),
	}
	condition := "#owner = :owner"  // also after its end, while nobody else has taken it
	if first || d.rules.Limit > 0 { // DynamoDB refuses a value that no expression has
		values[":now"] = number(ms)
	}
	if first {
		condition = "(attribute_not_exists(#lease) OR #lease <= :now)"
	}
	if first && d.rules.Coalesce > 0 {
		condition += " AND (attribute_not_exists(#at) OR #at <= :stale)"
		names["#at"], values[":stale"] = "result_at", number(ms-d.rules.Coalesce.Milliseconds())
	}
	if d.rules.Limit > 0 {
		last := "#calls[" + strconv.Itoa(d.rules.Limit-1) + "]"
		condition += " AND (attribute_not_exists(" + last + ") OR " + last + " <= :window)" +
			" AND (attribute_not_exists(#closed) OR #closed <= :now)"
		names["#closed"], values[":window"] = "closed_until", number(ms-d.skewed().Window.Milliseconds())
	}
	condition += " AND attribute_not_exists(#calls[" + strconv.Itoa(d.keep()+spare) + "])"
	failed, err := d.update(ctx, &dynamodb.UpdateItemInput{
		Key:                                 key("user#" + userID),
		UpdateExpression:                    aws.String("SET #calls = list_append(:call, if_not_exists(#calls, :none)), #owner = :owner, #lease = :until, #expires = :expires"),
		ConditionExpression:                 &condition,
		ExpressionAttributeNames:            names,
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if failed == nil {
		return nil, err
	}
	s := read(failed.Item)
	return &s, err
}

// keep is how many calls of a user are kept.
func (d *Dynamo) keep() int { return max(d.rules.Limit, 1) }

// dynamoLease implements refresh.Lease.
type dynamoLease struct {
	*Dynamo
	userID, owner string
}

// Again implements refresh.Lease: one round trip.
func (l *dynamoLease) Again(ctx context.Context, until time.Time) (bool, error) {
	refused, err := l.call(ctx, l.userID, l.owner, l.now().Round(0), until, false)
	return err == nil && refused == nil, err
}

// Done implements refresh.Lease: one round trip.
func (l *dynamoLease) Done(ctx context.Context, out result.Result, unsent []int) error {
	now := l.now().Round(0)
	set, names := "", map[string]string{"#owner": "owner", "#lease": "lease_until", "#calls": "calls"}
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
	remove := "REMOVE #lease, #owner, " + l.surplus(0)
	for _, i := range unsent {
		if i < l.keep() {
			remove += ", #calls[" + strconv.Itoa(i) + "]"
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.tell)
	defer cancel()
	// Where the condition fails the lease ended by itself, and somebody else may have it.
	_, err := l.update(ctx, &dynamodb.UpdateItemInput{
		Key:                       key("user#" + l.userID),
		UpdateExpression:          aws.String(set + remove),
		ConditionExpression:       aws.String("#owner = :owner"),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	})
	return err
}

// update makes a conditional write. A condition that does not hold is no error but what is returned.
func (d *Dynamo) update(ctx context.Context, in *dynamodb.UpdateItemInput) (failed *types.ConditionalCheckFailedException, err error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	in.TableName = &d.name
	ctx, cancel := context.WithTimeout(ctx, d.ask)
	defer cancel()
	if _, err = table.UpdateItem(ctx, in); errors.As(err, &failed) {
		return failed, nil
	}
	return nil, err
}

// read decodes an item; what is missing or of another type is zero.
func read(item map[string]types.AttributeValue) state {
	s := state{owner: textOf(item["owner"]), leaseUntil: numberOf(item["lease_until"]), closedUntil: numberOf(item["closed_until"]), resultAt: numberOf(item["result_at"])}
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
