package quota

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// grant counts a call and takes the lease if the rules allow it. Otherwise it returns the item's state.
func (d *Dynamo) grant(ctx context.Context, l *dynamoLease, rules Rules, now, until time.Time) (refused *refusal, err error) {
	in := d.addCall(l.userID, l.owner, 1, now, until)
	in.ExpressionAttributeValues[":now"] = number(now.UnixMilli())
	require(in, "(attribute_not_exists(#lease) OR #lease <= :now)")
	if rules.Coalesce > 0 {
		in.ExpressionAttributeNames["#at"] = "result_at"
		in.ExpressionAttributeValues[":stale"] = number(now.UnixMilli() - rules.Coalesce.Milliseconds())
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

// tidy rewrites an item whose condition refused a call that the rules allow. Either it is full of calls
// beyond Limit, which leases that ended by themselves leave behind, or it contains what cannot be true. What
// is left out here would be out of date anyway, but for a result that only a longer MaxAge accepts. If the item
// has changed, tidy leaves it as it is.
func (d *Dynamo) tidy(ctx context.Context, userID string, refused *refusal, now time.Time) error {
	calls := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, at := range d.skewed().plausible(refused.state, now).calls {
		calls.Value = append(calls.Value, number(at))
	}
	calls.Value = calls.Value[:min(len(calls.Value), d.keep())]
	in := &dynamodb.UpdateItemInput{
		Key:                       key("user#" + userID),
		UpdateExpression:          aws.String("SET #calls = :tidied REMOVE #lease_until, #closed_until, #result, #result_at, #result_of"),
		ConditionExpression:       aws.String("attribute_exists(pk)"),
		ExpressionAttributeNames:  map[string]string{},
		ExpressionAttributeValues: map[string]types.AttributeValue{":tidied": calls},
	}
	for _, name := range []string{"calls", "lease_until", "closed_until", "result", "result_at", "result_of"} {
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

// surplus lists the elements beyond Limit that a list of calls can have. They never matter.
func (d *Dynamo) surplus() string {
	var elements []string
	for i := d.keep(); i <= d.keep()+spare; i++ {
		elements = append(elements, "#calls["+strconv.Itoa(i)+"]")
	}
	return strings.Join(elements, ", ")
}
