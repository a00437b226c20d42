package quota

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// read decodes an item. What is missing or of another type is zero.
func read(item map[string]types.AttributeValue) state {
	s := state{
		owner: textOf(item["owner"]), leaseUntil: numberOf(item["lease_until"]), leaseCalls: numberOf(item["lease_calls"]),
		closedUntil: numberOf(item["closed_until"]), resultAt: numberOf(item["result_at"]), resultOf: textOf(item["result_of"]),
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
