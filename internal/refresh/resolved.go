package refresh

import "sync"

// resolvedLimit bounds how many users an instance remembers.
const resolvedLimit = 10_000

// resolved remembers which Junction user an app's own ID stands for.
type resolved struct {
	mu  sync.Mutex
	ids map[string]string
}

func newResolved() *resolved { return &resolved{ids: map[string]string{}} }

func (r *resolved) get(clientUserID string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.ids[clientUserID]
	return id, ok
}

// put remembers an ID, in the place of any other where the memory is full.
func (r *resolved) put(clientUserID, userID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ids) >= resolvedLimit {
		for other := range r.ids {
			delete(r.ids, other)
			break
		}
	}
	r.ids[clientUserID] = userID
}

func (r *resolved) forget(clientUserID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ids, clientUserID)
}
