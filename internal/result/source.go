package result

import "time"

// Attempt is Junction's last attempt to fetch a source's data, whatever started it: a refresh, Junction's own
// polling, or a push by the provider.
type Attempt struct {
	Provider string
	Resource string // one word, such as "blood_pressure": the last segment of a source's name
	Success  bool
	At       time.Time // by Junction's clock, which may leave out fractions of a second
}

// Connection is a provider that the user has connected.
type Connection struct {
	Provider string
	Broken   bool   // Junction fetches nothing from the provider until the user connects it again
	Reason   string // why it is broken, as [Word] returns it; "" if that is not known
}
