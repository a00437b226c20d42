package delivery

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	// readTimeout bounds the read before a delivery is processed.
	readTimeout = 300 * time.Millisecond
	// writeTimeout bounds the write after it. It and the quota's last write fit into the half second between
	// the end of a call and the caller's timeout.
	writeTimeout = 200 * time.Millisecond
)

// Table is the part of DynamoDB's API that deliveries need.
type Table interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	PutItem(context.Context, *dynamodb.PutItemInput, ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error)
}

// Dynamo remembers deliveries in a DynamoDB table, for all instances. The table is the quota's: its key is
// "pk" and its TTL attribute "expires_at". Dynamo implements handler.Deliveries and is safe for concurrent
// use.
type Dynamo struct {
	table func() (Table, error)
	name  string
	now   func() time.Time

	readTimeout, writeTimeout time.Duration
}

// NewDynamo returns a memory in the table with a name. client is called at the first use.
func NewDynamo(client func() (Table, error), name string) *Dynamo {
	return &Dynamo{table: client, name: name, now: time.Now, readTimeout: readTimeout, writeTimeout: writeTimeout}
}

// Answer returns how a delivery was answered by any instance, or nil if it was not, or is forgotten. The
// error is that the table cannot be reached, or that what is stored is not an answer.
func (d *Dynamo) Answer(ctx context.Context, id string) ([]byte, error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.readTimeout)
	defer cancel()
	out, err := table.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &d.name, Key: map[string]types.AttributeValue{"pk": key(id)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	answer, _ := out.Item["answer"].(*types.AttributeValueMemberS)
	expires, _ := out.Item["expires_at"].(*types.AttributeValueMemberN)
	if answer == nil || expires == nil {
		return nil, nil
	}
	until, err := strconv.ParseInt(expires.Value, 10, 64)
	now := d.now()
	// DynamoDB deletes expired items within days, not at once; and nothing is stored for longer than keepFor.
	if err != nil || until <= now.Unix() || until > now.Add(keepFor+tolerance).Unix() {
		return nil, nil
	}
	return checked([]byte(answer.Value))
}

// Remember stores how a delivery was answered, for all instances. It does so even if ctx has ended.
func (d *Dynamo) Remember(ctx context.Context, id string, answer []byte) error {
	if len(answer) > maxAnswer {
		return errTooLarge
	}
	table, err := d.table()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.writeTimeout)
	defer cancel()
	_, err = table.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.name, Item: map[string]types.AttributeValue{
		"pk":         key(id),
		"answer":     &types.AttributeValueMemberS{Value: string(answer)},
		"expires_at": &types.AttributeValueMemberN{Value: strconv.FormatInt(d.now().Add(keepFor).Unix(), 10)},
	}})
	return err
}

func key(id string) types.AttributeValue {
	return &types.AttributeValueMemberS{Value: "delivery#" + id}
}
