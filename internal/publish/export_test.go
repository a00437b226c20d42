package publish

import "time"

// SetTimeout sets how long a call may take.
func (b *Bus) SetTimeout(d time.Duration) { b.timeout = d }
