package result

import "time"

// Connection is a provider that the user has connected.
type Connection struct {
	Provider string
	Broken   bool   // Junction fetches nothing from the provider until the user connects it again
	Reason   string // why it is broken, as [Word] returns it; "" if that is not known
}

// Explain adds to the failed sources whether the user has to reconnect their provider, and why.
func (r *Result) Explain(connections []Connection) {
	for i, source := range r.Sources {
		for _, c := range connections {
			if source.State == StateFailed && c.Provider == source.Provider && c.Broken {
				r.Sources[i].Reconnect, r.Sources[i].Reason = true, c.Reason
			}
		}
	}
}

// ConnectionError is Junction's news that it fetches nothing from a provider until the user reconnects. It is
// published on the bus as "Junction Connection Error".
type ConnectionError struct {
	SchemaVersion int       `json:"schema_version"`
	UserID        string    `json:"user_id"`
	ClientUserID  string    `json:"client_user_id,omitempty"`
	Provider      string    `json:"provider"`
	ErrorType     string    `json:"error_type"` // "" if Junction does not say
	ReceivedAt    time.Time `json:"received_at"`
}

// NewConnectionError returns a connection error that was received now.
func NewConnectionError(user User, provider, errorType string) *ConnectionError {
	return &ConnectionError{
		SchemaVersion: schemaVersion, UserID: user.ID, ClientUserID: user.ClientUserID,
		Provider: Word(provider), ErrorType: Word(errorType), ReceivedAt: time.Now().UTC().Truncate(time.Second),
	}
}
