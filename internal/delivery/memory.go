package delivery

import (
	"context"
	"sync"
	"time"
)

// maxDeliveries bounds the memory of an instance; the oldest delivery is forgotten first.
const maxDeliveries = 1_000

// Memory remembers deliveries in this process. It implements handler.Deliveries and is safe for concurrent
// use.
type Memory struct {
	now func() time.Time

	mu      sync.Mutex
	answers map[string]entry
	order   []string // the keys, oldest first
}

type entry struct {
	answer []byte
	until  time.Time
}

// NewMemory returns an empty memory.
func NewMemory() *Memory { return &Memory{now: time.Now, answers: map[string]entry{}} }

// Answer returns how a delivery was answered, or nil if it was not, or is forgotten.
func (m *Memory) Answer(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.answers[hash(id)]; ok && m.now().Round(0).Before(e.until) {
		return e.answer, nil
	}
	return nil, nil
}

// Remember stores how a delivery was answered.
func (m *Memory) Remember(_ context.Context, id string, answer []byte) error {
	if len(answer) > maxAnswer {
		return errTooLarge
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := hash(id)
	if _, ok := m.answers[key]; !ok {
		m.order = append(m.order, key)
	}
	m.answers[key] = entry{answer: answer, until: m.now().Round(0).Add(keepFor)}
	if len(m.order) > maxDeliveries {
		delete(m.answers, m.order[0])
		m.order = m.order[1:]
	}
	return nil
}
