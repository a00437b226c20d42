package refresh

import "sync"

// resolvedLimit bounds how many users an instance remembers.
const resolvedLimit = 10_000

// resolved remembers the Junction user of an app's own ID.
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

// put remembers an ID. If the memory is full, another one is forgotten.
func (r *resolved) put(clientUserID, userID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ids) >= resolvedLimit {
		for id := range r.ids {
			delete(r.ids, id)
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
