package delivery

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxDeliveries bounds the memory of an instance.
const maxDeliveries = 1_000

// Memory remembers deliveries in this process. It implements handler.Deliveries and is safe for concurrent
// use.
type Memory struct {
	now     func() time.Time
	answers *lru.Cache[string, entry]
}

type entry struct {
	answer []byte
	until  time.Time
}

// NewMemory returns an empty memory.
func NewMemory() *Memory {
	answers, _ := lru.New[string, entry](maxDeliveries) // the error is for a size of 0
	return &Memory{now: time.Now, answers: answers}
}

// Answer returns how a delivery was answered, or nil if it was not, or is forgotten. The error is that what
// is stored is not an answer.
func (m *Memory) Answer(_ context.Context, id string) ([]byte, error) {
	if e, ok := m.answers.Get(id); ok && m.now().Round(0).Before(e.until) {
		return checked(e.answer)
	}
	return nil, nil
}

// Remember stores how a delivery was answered.
func (m *Memory) Remember(_ context.Context, id string, answer []byte) error {
	if len(answer) > maxAnswer {
		return errTooLarge
	}
	m.answers.Add(id, entry{answer: answer, until: m.now().Round(0).Add(keepFor)})
	return nil
}
