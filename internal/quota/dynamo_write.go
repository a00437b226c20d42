package quota

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// newUpdate returns a write to a user's item that is made if a condition holds.
func newUpdate(
	userID, expression, condition string, values map[string]types.AttributeValue,
) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		Key: key("user#" + userID), UpdateExpression: &expression, ConditionExpression: &condition,
		ExpressionAttributeValues: values,
	}
}

// require adds a condition to a write.
func require(in *dynamodb.UpdateItemInput, condition string) {
	*in.ConditionExpression += " AND " + condition
}

// refusal is the item that did not meet the conditions of a write.
type refusal struct {
	state
	item map[string]types.AttributeValue
}

// reserved are the attributes that expressions name with a "#", because DynamoDB has reserved their own names.
var reserved = []string{"#owner", "#result"}

// update makes a write. If its condition does not hold, it returns the item, if the write asks for it.
func (d *Dynamo) update(ctx context.Context, in *dynamodb.UpdateItemInput) (refused *refusal, err error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	in.TableName, in.ExpressionAttributeNames = &d.name, map[string]string{}
	for _, name := range reserved {
		if strings.Contains(*in.UpdateExpression, name) || strings.Contains(*in.ConditionExpression, name) {
			in.ExpressionAttributeNames[name] = name[1:]
		}
	}
	_, err = table.UpdateItem(ctx, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return &refusal{read(failed.Item), failed.Item}, nil
	}
	return nil, err
}

// grant counts the first call and takes the lease if the rules allow it. Otherwise it returns the item.
func (l *dynamoLease) grant(ctx context.Context, rules Rules, now, until time.Time) (refused *refusal, err error) {
	in := l.addCall(1, now, until)
	in.ExpressionAttributeValues[":now"] = number(now.UnixMilli())
	require(in, "(attribute_not_exists(lease_until) OR lease_until <= :now)")
	if rules.Coalesce > 0 {
		in.ExpressionAttributeValues[":stale"] = number(now.UnixMilli() - rules.Coalesce.Milliseconds())
		require(in, "(attribute_not_exists(result_at) OR result_at <= :stale)")
	}
	return l.update(ctx, in)
}

// addCall returns the write that counts the lease's nth call, with the conditions that apply to every call.
func (l *dynamoLease) addCall(n int, now, until time.Time) *dynamodb.UpdateItemInput {
	in := newUpdate(l.userID,
		"SET calls = list_append(:call, if_not_exists(calls, :none)), #owner = :owner, lease_calls = :n, "+
			"lease_until = :until, expires_at = :expires",
		"(attribute_not_exists(calls) OR attribute_type(calls, :list))",
		map[string]types.AttributeValue{
			":call": &types.AttributeValueMemberL{Value: []types.AttributeValue{number(now.UnixMilli())}},
			":none": &types.AttributeValueMemberL{}, ":list": text("L"), ":owner": text(l.owner), ":n": number(int64(n)),
			":until": number(until.UnixMilli()), ":expires": number(until.Add(l.rules.keeps()).Unix() + 60),
		})
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	require(in, "attribute_not_exists("+element(l.keep()+spare)+")")
	if l.rules.Limit > 0 {
		last := element(l.rules.Limit - 1)
		in.ExpressionAttributeValues[":now"] = number(now.UnixMilli())
		in.ExpressionAttributeValues[":window"] = number(now.Add(-l.skewed().Window).UnixMilli())
		require(in, "(attribute_not_exists("+last+") OR "+last+" <= :window)")
		require(in, "(attribute_not_exists(closed_until) OR closed_until <= :now)")
	}
	return in
}

// tidy rewrites an item whose condition refused a call that the rules allow. Either it is full of calls
// beyond Limit, which leases that ended by themselves leave behind, or it contains what cannot be true. What
// is left out here would be out of date anyway, but for a result that only a longer MaxAge accepts. If the item
// has changed, tidy leaves it as it is.
func (l *dynamoLease) tidy(ctx context.Context, refused *refusal, now time.Time) error {
	calls := &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	for _, at := range l.skewed().plausible(refused.state, now).calls {
		calls.Value = append(calls.Value, number(at))
	}
	calls.Value = calls.Value[:min(len(calls.Value), l.keep())]
	in := newUpdate(l.userID,
		"SET calls = :tidied REMOVE lease_until, closed_until, #result, result_at, result_of", "attribute_exists(pk)",
		map[string]types.AttributeValue{":tidied": calls})
	for _, name := range []string{"calls", "lease_until", "closed_until", "#result", "result_at", "result_of"} {
		attribute := strings.TrimPrefix(name, "#")
		if value, ok := refused.item[attribute]; ok {
			in.ExpressionAttributeValues[":"+attribute] = value
			require(in, name+" = :"+attribute)
		} else {
			require(in, "attribute_not_exists("+name+")")
		}
	}
	_, err := l.update(ctx, in)
	return err
}

// surplus lists the elements beyond keep that a list of calls can have. They never matter.
func surplus(keep int) string {
	var elements []string
	for i := keep; i <= keep+spare; i++ {
		elements = append(elements, element(i))
	}
	return strings.Join(elements, ", ")
}

// element is a call in an expression.
func element(i int) string { return "calls[" + strconv.Itoa(i) + "]" }
