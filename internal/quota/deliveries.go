package quota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// remembered is how long the answer to a delivery is kept: Svix retries one for about 28 hours.
const remembered = 48 * time.Hour

// maxAnswer is the most of an answer that is kept, in bytes; an item has 400 KB at most.
const maxAnswer = 64 << 10

// maxDeliveries bounds what an instance remembers of deliveries.
const maxDeliveries = 1_000

// errTooLarge says that an answer is not kept: the delivery is done again where it comes again, as far
// as the quota lets it.
var errTooLarge = errors.New("the answer is too large to be remembered")

// MemoryDeliveries remembers, in this process, how deliveries were answered. It implements
// handler.Deliveries and is safe for concurrent use.
type MemoryDeliveries struct {
	now func() time.Time

	mu      sync.Mutex
	answers map[string]delivery
	order   []string // the IDs, oldest first
}

type delivery struct {
	answer []byte
	until  time.Time
}

// NewMemoryDeliveries returns an empty memory.
func NewMemoryDeliveries() *MemoryDeliveries {
	return &MemoryDeliveries{now: time.Now, answers: map[string]delivery{}}
}

// Answer returns how a delivery was answered; nil where it was not, or is forgotten.
func (m *MemoryDeliveries) Answer(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.answers[hash(id)]; ok && m.now().Round(0).Before(d.until) {
		return d.answer, nil
	}
	return nil, nil
}

// Remember keeps how a delivery was answered.
func (m *MemoryDeliveries) Remember(_ context.Context, id string, answer []byte) error {
	if len(answer) > maxAnswer {
		return errTooLarge
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := hash(id)
	if _, ok := m.answers[key]; !ok {
		m.order = append(m.order, key)
	}
	m.answers[key] = delivery{answer: answer, until: m.now().Round(0).Add(remembered)}
	if len(m.order) > maxDeliveries {
		delete(m.answers, m.order[0])
		m.order = m.order[1:]
	}
	return nil
}

// Answer returns how a delivery was answered, by any instance; nil where it was not, or is forgotten.
func (d *Dynamo) Answer(ctx context.Context, id string) ([]byte, error) {
	table, err := d.table()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.ask)
	defer cancel()
	out, err := table.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.name, Key: key("delivery#" + hash(id)), ConsistentRead: aws.Bool(true)})
	if err != nil || numberOf(out.Item["expires_at"]) <= d.now().Unix() { // DynamoDB deletes when it likes
		return nil, err
	}
	return []byte(textOf(out.Item["answer"])), nil
}

// Remember keeps how a delivery was answered, for all instances.
func (d *Dynamo) Remember(ctx context.Context, id string, answer []byte) error {
	if len(answer) > maxAnswer {
		return errTooLarge
	}
	table, err := d.table()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.tell)
	defer cancel()
	_, err = table.PutItem(ctx, &dynamodb.PutItemInput{TableName: &d.name, Item: map[string]types.AttributeValue{
		"pk": text("delivery#" + hash(id)), "answer": text(string(answer)), "expires_at": number(d.now().Add(remembered).Unix()),
	}})
	return err
}

// hash makes a key of bounded size of a sender's ID.
func hash(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
