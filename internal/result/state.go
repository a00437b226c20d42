package result

import "time"

// State is what is known of a user without a call to Junction.
type State struct {
	UserID          string     `json:"user_id"`
	Refreshing      bool       `json:"refreshing"`
	CallsInWindow   int        `json:"calls_in_window"`
	CallsLeft       *int       `json:"calls_left"`        // nil without a quota
	NextCallAt      *time.Time `json:"next_call_at"`      // nil if the quota allows a call now
	LastResult      *Result    `json:"last_result"`       // the last success that is stored; nil if there is none
	LastRefreshedAt *time.Time `json:"last_refreshed_at"` // when LastResult came; nil if there is none
}
